"""The demo's world: the simulator as a part of the stack, the configuration that watches it, its first build."""

import json
import os
import shlex
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cli.output import OURSELVES, Say
from cli.plan import Plan
from cli.probe import get, reachable, url_of
from cli.process import Process
from cli.supervisor import Supervisor
from shared.errors import CannotStart

_ANNOUNCED_SECONDS = 30.0
_FIRST_BUILD_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Announcement:
    """What the simulator says of itself, once, as its first line."""

    github: str
    slack: str
    repositories: tuple[str, ...]
    token: str
    gitlab: str
    gitlab_projects: tuple[str, ...]
    jenkins: str
    jenkins_user: str


def parse_announcement(line: str) -> Announcement | None:
    """The simulator's line of JSON; None when the line is something else."""
    try:
        said = json.loads(line)
        return Announcement(
            github=said["github"],
            slack=said["slack"],
            repositories=tuple(said["repositories"]),
            token=said["token"],
            gitlab=said["gitlab"],
            gitlab_projects=tuple(said["gitlab_projects"]),
            jenkins=said["jenkins"],
            jenkins_user=said["jenkins_user"],
        )
    except (ValueError, KeyError, TypeError):
        return None


def parse_message(line: str) -> str | None:
    """The first line of a message that the simulator's Slack took; None when the line is something else."""
    try:
        text = str(json.loads(line)["message"]).partition("\n")[0]
    except (ValueError, KeyError, TypeError):
        return None
    return "".join(character if character.isprintable() else " " for character in text)


def demo_config(world: Announcement, *, host: str, port: int, folder: Path) -> str:
    """The demo's config.toml: it watches everything that the simulator has closely and tells its chat."""
    return f"""\
# Written by `observatory demo` at every start: it watches a simulated GitHub, GitLab and Jenkins here.

[server]
host = {json.dumps(host)}
port = {port}

[database]
folder = {json.dumps(str(folder / "database"))}

[logging]
level = "warning"

[scheduler]
poll_floor_seconds = 1

[[providers]]
kind = "github"
name = "github"
base_url = {json.dumps(world.github)}
token_file = {json.dumps(str(folder / "token"))}
watch = {json.dumps(list(world.repositories))}
log_hosts = ["127.0.0.1:*"]  # the simulator keeps logs on another port of this machine

[[providers]]
kind = "gitlab"
name = "gitlab"
base_url = {json.dumps(world.gitlab)}
token_file = {json.dumps(str(folder / "token"))}
watch = {json.dumps(list(world.gitlab_projects))}

[[providers]]
kind = "jenkins"
name = "jenkins"
base_url = {json.dumps(world.jenkins)}
username = {json.dumps(world.jenkins_user)}
token_file = {json.dumps(str(folder / "token"))}
watch = ["/"]

[[receivers]]
kind = "slack"
name = "chat"
webhook_url_file = {json.dumps(str(folder / "slack-webhook"))}
group_wait = "3s"
group_interval = "15s"
"""


class World:
    """Starts the simulator, hears where it is, writes the configuration, tells when the first build has come."""

    def __init__(self, plan: Plan, say: Say) -> None:
        self._plan = plan
        self._say = say
        self._announcement: Announcement | None = None

    def overhear(self, speaker: str, line: str) -> None:
        """Passes everything on, and keeps the simulator's own words about where it is."""
        is_simulator = speaker == "simulator"
        announcement = parse_announcement(line) if is_simulator else None
        message = parse_message(line) if is_simulator else None
        if message is not None:
            self._say("slack", message)
        elif announcement is None:
            self._say(speaker, line)
        else:
            self._announcement = announcement
            self._say(speaker, "a simulated GitHub, GitLab and Jenkins, and a Slack that hears the alerts")

    def start(self, supervisor: Supervisor) -> None:
        """Starts the simulator; its ports are fixed, so a restarted one is where the configuration says."""
        plan = self._plan
        numbers = {
            "--port": plan.simulator_port,
            "--gitlab-port": plan.gitlab_port,
            "--jenkins-port": plan.jenkins_port,
            "--slack-port": plan.slack_port,
        }
        ports = [word for option, number in numbers.items() for word in (option, str(number))]
        command = [sys.executable, "-P", "-m", "simulator", "--profile", "demo", "--tell-messages", *ports]
        supervisor.start(Process("simulator", command, os.environ, stop_seconds=0.5))

    def describe(self, supervisor: Supervisor) -> None:
        """Waits until the simulator has said where it is, and writes the configuration for that."""
        supervisor.watch(_ANNOUNCED_SECONDS, until=lambda: self._announcement is not None)
        if self._announcement is None:
            raise CannotStart("The simulator did not say where it is", "What it said instead is above.")
        folder = Path(self._plan.config).parent
        _write_private(folder / "token", self._announcement.token)
        _write_private(folder / "slack-webhook", self._announcement.slack)
        content = demo_config(self._announcement, host=self._plan.host, port=self._plan.port, folder=folder)
        Path(self._plan.config).write_text(content)

    def show_first_build(self, supervisor: Supervisor, started_at: float) -> None:
        """Says when the first build can be seen, and how to look at it."""
        address = reachable(self._plan.host), self._plan.port
        has_come = supervisor.watch(_FIRST_BUILD_SECONDS, until=lambda: _has_builds(*address), every=0.2)
        url = url_of(self._plan.host, self._plan.port)
        seconds = time.monotonic() - started_at
        lines = first_build(url, self._plan.config, seconds=seconds) if has_come else no_build(url)
        for line in lines:
            self._say(OURSELVES, line)


def first_build(url: str, config: str, *, seconds: float) -> list[str]:
    """What to try once there is something to see."""
    return [
        "",
        f"  The first build is here, {seconds:.1f} s after the start. Try:",
        "",
        f"    curl -s '{url}/api/builds?limit=5'",
        f"    curl -s '{url}/api/builds?status=failed,timed_out'",
        f"    curl -s '{url}/api/metrics/overview'",
        f"    curl -s '{url}/api/sources'",
        f"    {observatory()} -c {shlex.quote(config)} status",
        "",
        "  What breaks and what is fixed is told to a stand-in for Slack; its messages follow as lines of `slack`.",
        "",
    ]


def observatory() -> str:
    """How the command can be typed here: by its name alone where the PATH knows it."""
    beside = Path(sys.executable).with_name("observatory")
    return "observatory" if shutil.which("observatory") or not beside.exists() else shlex.quote(_short(beside))


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def no_build(url: str) -> list[str]:
    """What to look at when nothing comes."""
    return [
        "",
        f"  No build has come after {_FIRST_BUILD_SECONDS:.0f} s; see {url}/api/sources and the lines above.",
        "",
    ]


def _has_builds(host: str, port: int) -> bool:
    status, body = get(host, port, "/api/builds?limit=1")
    return status == 200 and bool(json.loads(body)["builds"])


def _write_private(path: Path, content: str) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 (a mode)
        file.write(content)
