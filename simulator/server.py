"""The simulator as one thing: a world, its sites on loopback, faults, the request log and the ledger."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from types import TracebackType
from typing import Self

from shared.clock import utc_now
from simulator.clock import SimulatedClock
from simulator.control import PREFIX, control
from simulator.crowd import Crowd
from simulator.downloads import Downloads, Elsewhere
from simulator.exchange import Answer, Request
from simulator.faults import Dialect, Fault, Faults, answer_under, parse_fault
from simulator.github import hooks as github_hooks
from simulator.github.lists import Caps
from simulator.github.resources import GitHubSettings
from simulator.github.service import GitHub
from simulator.github.words import words_for
from simulator.gitlab import hooks as gitlab_hooks
from simulator.gitlab.ledger import read_gitlab_ledger
from simulator.gitlab.service import GitLab
from simulator.gitlab.service import GitLabSettings as FakeGitLabSettings
from simulator.gitlab.world import GitLabWorld
from simulator.hooks import Happenings, Hooks
from simulator.jenkins import hooks as jenkins_hooks
from simulator.jenkins.builds import Controller
from simulator.jenkins.ledger import read_ledger as read_jenkins_ledger
from simulator.jenkins.service import USER, Jenkins, JenkinsSettings
from simulator.ledger import Entry, read_ledger
from simulator.listener import Listener
from simulator.profiles import make_profile
from simulator.slack import BOT_TOKEN, HOOK, Message, Slack
from simulator.world import World

TOKEN = "simulated-token"  # noqa: S105 - opens nothing but the fake
KEPT_REQUESTS = 20_000
A_MINUTE = 2_000


@dataclass(frozen=True, slots=True)
class Record:
    """One request as it arrived and what became of it; a credential is shown only as its fingerprint."""

    number: int
    at: datetime
    site: str
    method: str
    target: str
    headers: dict[str, str]
    status: int
    fault: str | None


class Simulator:
    """A fake GitHub, a fake GitLab, a fake Jenkins, their log storage, a host elsewhere, and Slack, all on loopback.

    Args:
        seed: The same seed, profile and epoch give the same world.
        profile: `varied` (every story, weeks of past), `drill` (bounded, ends soon), `hostile` (a drill whose names
            try to be more than text), `demo` (endless).
        now: Where the clock starts; the real time if None.
        speed: Simulated seconds a real second; 0 stands still and is moved by `clock.advance`.
        epoch: What the profile's times are counted from; the clock's start if None.
        runs: How many runs a drill has.
        seconds: Within how many seconds they are created.
        port: Of the GitHub API; 0 takes a free one.
        gitlab_port: Of the GitLab; 0 takes a free one.
        jenkins_port: Of the Jenkins; 0 takes a free one.
        slack_port: Of Slack; 0 takes a free one.
        tokens: Valid tokens with their requests an hour; `TOKEN` with the profile's limit if None.
        anonymous_limit: Requests an hour without a token; the profile's if None.
        caps: Where lists stop; GitHub's if None.
    """

    def __init__(
        self,
        *,
        seed: int = 7,
        profile: str = "varied",
        now: datetime | None = None,
        speed: float = 1.0,
        epoch: datetime | None = None,
        runs: int = 300,
        seconds: float = 60.0,
        port: int = 0,
        gitlab_port: int = 0,
        jenkins_port: int = 0,
        slack_port: int = 0,
        tokens: dict[str, int] | None = None,
        anonymous_limit: int | None = None,
        caps: Caps | None = None,
    ) -> None:
        plan = make_profile(profile, runs=runs, seconds=seconds)
        self.clock = SimulatedClock(now or utc_now(), speed)
        self.world = World(seed, plan, epoch or self.clock.now())
        self.faults = Faults()
        self.crowd = Crowd()
        self.token = TOKEN if tokens is None else next(iter(tokens), TOKEN)
        self._lock = threading.Lock()
        self._requests: deque[Record] = deque(maxlen=KEPT_REQUESTS)
        self._request_count = 0
        self._failures: list[str] = []
        ports = {"github": port, "gitlab": gitlab_port, "jenkins": jenkins_port, "slack": slack_port}
        self._listeners = {
            name: Listener(number, self._failures.append)
            for name, number in {**ports, "downloads": 0, "elsewhere": 0}.items()
        }
        settings = GitHubSettings(
            tokens={TOKEN: plan.token_limit} if tokens is None else tokens,
            anonymous_limit=plan.anonymous_limit if anonymous_limit is None else anonymous_limit,
            caps=caps or Caps(),
            logs_live=plan.logs_live,
        )
        self.github = GitHub(self.world, settings, self.url, self._listeners["downloads"].base)
        self.gitlab = GitLab(
            GitLabWorld(seed, plan, self.world.epoch),
            FakeGitLabSettings(dict.fromkeys(settings.tokens, max(A_MINUTE, plan.token_limit))),
            self.gitlab_url,
        )
        self.slack = Slack()
        users = {f"{USER}:{TOKEN}": frozenset[str]()}
        self.jenkins = Jenkins(Controller(seed, plan, self.world.epoch), JenkinsSettings(users))
        self.hooks = Hooks(seed, self.clock.now, self._happenings())

    @property
    def url(self) -> str:
        """The address of the GitHub API."""
        return self._listeners["github"].base

    @property
    def gitlab_url(self) -> str:
        """The address of the GitLab; `token` opens it too."""
        return self._listeners["gitlab"].base

    @property
    def gitlab_projects(self) -> tuple[str, ...]:
        """What there is to watch on the GitLab, by the paths of this moment; the last one is private."""
        return tuple(each.path_at(self.clock.now()) for each in self.gitlab.world.projects if each.has_ci)

    @property
    def jenkins_url(self) -> str:
        """The address of the Jenkins; `jenkins_user` may read it with `TOKEN`."""
        return self._listeners["jenkins"].base + self.jenkins.settings.context

    @property
    def jenkins_user(self) -> str:
        """The user whose API token opens the Jenkins."""
        return USER

    @property
    def slack_url(self) -> str:
        """The incoming webhook to post messages to."""
        return self._listeners["slack"].base + HOOK

    @property
    def slack_api_url(self) -> str:
        """Slack's Web API, for the bot with `slack.BOT_TOKEN`."""
        return self._listeners["slack"].base + "/api"

    @property
    def elsewhere_url(self) -> str:
        """Another host, to which no credential may ever go."""
        return self._listeners["elsewhere"].base

    @property
    def repositories(self) -> tuple[str, ...]:
        """What there is to watch, by the names of this moment; the last one is private."""
        return tuple(each.full_name_at(self.clock.now()) for each in self.world.repositories)

    @property
    def messages(self) -> tuple[Message, ...]:
        """What Slack took, oldest first."""
        return self.slack.messages

    @property
    def failures(self) -> tuple[str, ...]:
        """Defects of the simulator itself; there should be none."""
        return tuple(self._failures)

    def urls(self) -> dict[str, object]:
        """Everything a program needs to use this simulator."""
        return {
            "url": self.url,
            "github": self.url,
            "token": self.token,
            "gitlab": self.gitlab_url,
            "gitlab_projects": self.gitlab_projects,
            "jenkins": self.jenkins_url,
            "jenkins_user": self.jenkins_user,
            "jenkins_token": TOKEN,
            "slack": self.slack_url,
            "slack_api": self.slack_api_url,
            "slack_bot_token": BOT_TOKEN,
            "downloads": self._listeners["downloads"].base,
            "elsewhere": self.elsewhere_url,
            "control": self.url + PREFIX,
            "repositories": self.repositories,
            "profile": self.world.profile.name,
            "seed": self.world.seed,
        }

    def requests(self, site: str | None = None) -> list[Record]:
        """The last 20,000 requests, oldest first, of one site or all; those to the control route are left out."""
        with self._lock:
            return [each for each in self._requests if site is None or each.site == site]

    def forget_requests(self) -> None:
        """Empty the request log; numbers go on."""
        with self._lock:
            self._requests.clear()

    def ledger(self, *, at_end: bool = False, provider: str = "github") -> list[Entry]:
        """How every attempt truly stands now, or (`at_end`) when everything that will happen has happened."""
        now = self.clock.now()
        if provider == "gitlab":
            now = max(now, self.gitlab.world.ends_at or now) if at_end else now
            return list(read_gitlab_ledger(self.gitlab.world, now))
        if provider == "jenkins":
            now = max(now, self.jenkins.controller.ends_at or now) if at_end else now
            return list(read_jenkins_ledger(self.jenkins.controller, now))
        if at_end:
            now = max(now, self.world.ends_at or now)
        return list(read_ledger(self.world, now, words_for, self.github.resources.deleted_runs))

    def fault(self, kind: str, **settings: object) -> int:
        """Put a fault in force (see `faults.FaultKind` for kinds and settings); its number removes it again."""
        return self.faults.add(parse_fault({"kind": kind, **settings}))

    def start(self) -> Self:
        """Answer requests from now on."""
        downloads = Downloads(self.world, self.github.resources.link_secret)
        dialects: tuple[Dialect, ...] = (self.github, self.gitlab, self.jenkins, self.slack, downloads, Elsewhere())
        for dialect in dialects:
            self._listeners[dialect.name].start(self._responder(dialect))
        return self

    def close(self) -> None:
        """End every connection and free the ports."""
        self.hooks.close()
        for listener in self._listeners.values():
            listener.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is None and self._failures:
            raise RuntimeError(f"the simulator itself failed: {'; '.join(self._failures)}")

    def _happenings(self) -> dict[str, Happenings]:
        """What each site's webhooks tell of."""
        root = self.jenkins.settings.root_url
        return {
            "github": partial(github_hooks.happenings, self.world, self.url),
            "gitlab": partial(gitlab_hooks.happenings, self.gitlab.world, self.gitlab_url),
            "jenkins": partial(jenkins_hooks.happenings, self.jenkins.controller, root),
        }

    def _responder(self, dialect: Dialect) -> Callable[[Request], Answer]:
        def respond(request: Request) -> Answer:
            if request.path.startswith(PREFIX):
                return control(self, request)
            now = self.clock.now()
            fault = self.faults.take(dialect.name, request)
            with self.crowd.joined(dialect.name, request.credential):
                answer = answer_under(fault, dialect, request, now, self.elsewhere_url)
            self._record(dialect.name, request, answer.status, fault, now)
            return answer

        return respond

    def _record(self, site: str, request: Request, status: int, fault: Fault | None, now: datetime) -> None:
        kind = str(fault.kind) if fault is not None else None
        with self._lock:
            self._request_count += 1
            number = self._request_count
            headers = _masked(request.headers)
            self._requests.append(Record(number, now, site, request.method, request.target, headers, status, kind))


def _masked(headers: dict[str, str]) -> dict[str, str]:
    """The headers with credentials replaced by their fingerprint, so that a log of requests holds no secret."""
    return {
        name: f"sha256:{sha256(text.encode()).hexdigest()[:12]}"
        if name in {"authorization", "cookie", "private-token"}
        else text
        for name, text in headers.items()
    }
