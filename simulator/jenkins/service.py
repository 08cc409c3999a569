"""The front of the fake Jenkins: who asks, which address is meant, and the answer in Jenkins' manner."""

import base64
import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from simulator.exchange import Answer, Request, json_answer, text_answer
from simulator.faults import Fault, FaultKind
from simulator.jenkins.beans import Beans, View, stage_view
from simulator.jenkins.builds import Build, Controller, Standing
from simulator.jenkins.estate import Kind
from simulator.jenkins.logs import console, piece
from simulator.jenkins.poison import spoil
from simulator.jenkins.tree import Bean, TreeError, evaluate, parse_tree

USER = "observer"


@dataclass(slots=True)
class JenkinsSettings:
    """What can be chosen about the fake.

    `users` maps `user:token` to the full names that user may not see; whoever else comes sees nothing unless
    `is_public`. `root_url` is what the controller believes its address to be, `context` where it really is.
    """

    users: dict[str, frozenset[str]]
    is_public: bool = False
    root_url: str = "http://jenkins.internal:8080/ci"
    context: str = ""
    version: str = "2.516.3"
    is_old: bool = False
    has_stage_view: bool = True
    extra: dict[str, str] = field(default_factory=dict)


class Jenkins:
    """One fake controller."""

    name = "jenkins"

    def __init__(self, controller: Controller, settings: JenkinsSettings) -> None:
        self.controller = controller
        self.settings = settings

    def answer(self, request: Request, now: datetime) -> Answer:
        """What Jenkins says to this request at this instant; every answer says that it is Jenkins."""
        said = self._said(request, now)
        headers = {
            "Date": format_datetime(now, usegmt=True),
            "X-Content-Type-Options": "nosniff",
            "X-Jenkins": self.settings.version,
            "X-Jenkins-Session": "5f1d2c3b",
            "Server": "Jetty(12.0.22)",
        }
        return Answer(said.status, headers | self.settings.extra | said.headers, said.body)

    def refusal(self, fault: Fault, _request: Request, now: datetime) -> Answer:
        """Jenkins has no limits of its own; what refuses in its stead is a proxy, or a plugin that threw."""
        answer = _REFUSALS.get(fault.kind, _too_many)(fault)
        return answer.with_headers(Date=format_datetime(now, usegmt=True))

    def spoil(self, answer: Answer, fault: Fault) -> Answer:
        """The answer with something in it that Jenkins should never send."""
        return spoil(answer, fault)

    def _said(self, request: Request, now: datetime) -> Answer:
        hidden = self._hidden(request)
        if hidden is None:
            return _page(403, "Forbidden: authentication required, or the credential is not valid")
        path = request.path
        if not path.startswith(self.settings.context):
            return _page(404, "Not Found")
        view = View(self.settings.root_url, now, self.settings.is_old, hidden)
        names, rest = _split(path.removeprefix(self.settings.context))
        return self._below(Beans(self.controller, view), names, rest, request, now)

    def _hidden(self, request: Request) -> frozenset[str] | None:
        """What the caller may not see; None when everything is refused."""
        given = request.headers.get("authorization")
        if given is None:
            return frozenset() if self.settings.is_public else None
        try:
            credential = base64.b64decode(given.partition(" ")[2]).decode()
        except ValueError:
            return None
        return self.settings.users.get(credential)

    def _below(self, beans: Beans, names: tuple[str, ...], rest: str, request: Request, now: datetime) -> Answer:
        if not names:
            return self._top(beans, rest, request, now)
        full_name = "/".join(names)
        item = beans.item(full_name)
        if item is None:
            return _page(404, "Not Found")
        if rest == "api/json":
            return self._exported(item, request.query)
        plan = beans.plan(full_name)
        match = re.fullmatch(r"(?:(\d+|lastBuild)/)?(.*)", rest)
        if plan is None or match is None:
            return _page(404, "Not Found")
        builds = self.controller.numbered(plan, now)
        if match[1] is None:
            return self._runs(builds, now, match[2], plan.kind)
        found = next((each for each in builds if match[1] in ("lastBuild", str(each.number))), None)
        return _page(404, "Not Found") if found is None else self._of_build(beans, found, match[2], request, now)

    def _top(self, beans: Beans, rest: str, request: Request, now: datetime) -> Answer:
        if rest == "api/json":
            return self._exported(beans.root(), request.query)
        if rest == "queue/api/json":
            return self._exported(beans.queue(), request.query)
        if match := re.fullmatch(r"queue/item/(\d+)/api/json", rest):
            build = self.controller.queue_item(int(match[1]), now)
            if build is not None and beans.plan(build.plan.full_name) is not None:
                return self._exported(beans.queue_item(build), request.query)
        return _page(404, "Not Found")

    def _of_build(self, beans: Beans, build: Build, rest: str, request: Request, now: datetime) -> Answer:
        if rest == "api/json":
            return self._exported(beans.build(build), request.query)
        if rest == "consoleText":
            return text_answer(200, console(build, now))
        if rest == "logText/progressiveText":
            return piece(console(build, now), request.query.get("start", "0"), build.standing(now) is not Standing.OVER)
        if rest == "wfapi/describe" and self._has_stages(build.plan.kind):
            href = request.path.removesuffix("wfapi/describe")
            return json_answer(200, stage_view(build, now, href))
        if rest == "":
            return _page(200, f"{beans.build(build).fields['fullDisplayName']}: {build.result_at(now) or 'running'}")
        return _page(404, "Not Found")

    def _runs(self, builds: list[Build], now: datetime, rest: str, kind: Kind) -> Answer:
        if rest == "wfapi/runs" and self._has_stages(kind):
            return json_answer(200, [stage_view(build, now, f"{build.number}/") for build in builds[:10]])
        return _page(404, "Not Found") if rest else _page(200, f"{len(builds)} builds")

    def _has_stages(self, kind: Kind) -> bool:
        return self.settings.has_stage_view and kind is Kind.PIPELINE

    def _exported(self, bean: Bean, query: Mapping[str, str]) -> Answer:
        try:
            selection = parse_tree(query["tree"]) if "tree" in query else None
        except TreeError as error:
            return _page(500, f"Oops! {error}")
        content = evaluate(bean, selection, has_classes=not self.settings.is_old)
        return json_answer(200, content, {"Content-Type": "application/json;charset=utf-8"})


def _split(path: str) -> tuple[tuple[str, ...], str]:
    """The names along `/job/…/job/…`, each decoded once, and what comes after; views on the way mean nothing."""
    parts = [part for part in urlsplit(path).path.split("/") if part]
    while len(parts) > 1 and parts[0] == "view":
        parts = parts[2:]
    names: list[str] = []
    while len(parts) > 1 and parts[0] == "job":
        names.append(unquote(parts[1]))
        parts = parts[2:]
    return tuple(names), "/".join(parts)


def _page(status: int, words: str) -> Answer:
    return text_answer(status, f"<html><body><h1>{html.escape(words)}</h1></body></html>", "text/html;charset=utf-8")


def _too_many(fault: Fault) -> Answer:
    answer = _page(429, "Too Many Requests")
    return answer.with_headers(Retry_After=str(int(fault.seconds))) if fault.retry_after == "seconds" else answer


_REFUSALS: Mapping[FaultKind, Callable[[Fault], Answer]] = {
    FaultKind.SERVER_ERROR: lambda fault: _page(fault.status or 500, "Oops! A problem occurred"),
    FaultKind.UNAUTHORIZED: lambda _: _page(401, "Invalid password/token for user"),
    FaultKind.FORBIDDEN: lambda _: _page(403, "observer is missing the Overall/Read permission"),
    FaultKind.NOT_FOUND: lambda _: _page(404, "Not Found"),
}
