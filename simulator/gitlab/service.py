"""The front of the fake GitLab: who asks, with which budget, for which project, and what is below it."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote

from simulator.budget import Budget, Standing
from simulator.exchange import Answer, Request, json_answer, text_answer
from simulator.faults import Fault
from simulator.gitlab import answers, lists, payloads
from simulator.gitlab.estate import Estate
from simulator.gitlab.history import Job, Pipeline, Project
from simulator.gitlab.payloads import View
from simulator.gitlab.poison import spoil
from simulator.gitlab.refusals import refusal
from simulator.gitlab.world import GitLabWorld
from simulator.lineage import between, lineage

MINUTE = timedelta(minutes=1)
API = "/api/v4"


@dataclass(slots=True)
class GitLabSettings:
    """What can be chosen about the fake; `tokens` maps a valid token to its requests a minute.

    `expired` and `narrow` are tokens that have run out and that lack the scope `read_api`. Beyond `totals_up_to` rows
    a list has no totals.
    """

    tokens: dict[str, int]
    anonymous_limit: int = 500
    expired: frozenset[str] = frozenset()
    narrow: frozenset[str] = frozenset()
    totals_up_to: int = lists.TOTALS_UP_TO


@dataclass(frozen=True, slots=True)
class Call:
    """One request with everything its route needs."""

    request: Request
    view: View
    is_authorised: bool

    @property
    def now(self) -> datetime:
        """The server's instant of this request."""
        return self.view.now


class GitLab:
    """The API of one fake GitLab."""

    name = "gitlab"

    def __init__(self, world: GitLabWorld, settings: GitLabSettings, base: str) -> None:
        self.world = world
        self.estate = Estate(world)
        self.settings = settings
        self.budget = Budget(MINUTE)
        self._base = base

    def answer(self, request: Request, now: datetime) -> Answer:
        """What GitLab says to this request at this instant."""
        token = request.headers.get("private-token") or request.credential
        headers = answers.common_headers(request, now)
        name = answers.ANONYMOUS_THROTTLE if token is None else answers.THROTTLE
        standing = self.standing(token, now)
        # The limit stands before everything else: even a refused token spends.
        if standing.is_exceeded:
            return _dressed(answers.too_many(standing, name, now), headers)
        headers |= answers.limit_headers(standing, name)
        if not request.path.startswith(API):
            return _dressed(self._web_page(Call(request, View(self._base, now), is_authorised=False)), headers)
        refused = self._refused(token)
        call = Call(request, View(self._base, now), is_authorised=token is not None)
        return _dressed(refused or self._routed(call), headers)

    def refusal(self, fault: Fault, _request: Request, now: datetime) -> Answer:
        """GitLab's own form of a limit or an error."""
        return refusal(fault, now)

    def spoil(self, answer: Answer, fault: Fault) -> Answer:
        """The answer with something in it that GitLab should never send."""
        return spoil(answer, fault)

    def standing(self, token: str | None, now: datetime) -> Standing:
        """A credential's budget after one more request."""
        limit = self.settings.anonymous_limit
        if token is not None:
            limit = self.settings.tokens.get(token, limit)
        return self.budget.spend(token or "anonymous", limit, now, 1)

    def _refused(self, token: str | None) -> Answer | None:
        if token in self.settings.expired:
            return answers.expired()
        if token in self.settings.narrow:
            return answers.insufficient_scope()
        return None if token is None or token in self.settings.tokens else answers.unauthorized()

    def _routed(self, call: Call) -> Answer:
        if call.request.method == "GET" and (
            group := re.fullmatch(rf"{API}/groups/([^/]+)/projects", call.request.path)
        ):
            return self._grouped(call, unquote(group[1]))
        match = re.fullmatch(rf"{API}/projects/([^/]+)(/.*)?", call.request.path)
        if match is None:
            return json_answer(404, {"error": "404 Not Found"})
        key, rest = unquote(match[1]), match[2] or ""
        for project in self.estate.projects:
            if key in {str(project.id), project.path_at(call.now)}:
                return self._below(call, project, rest)
            is_former = any(since <= call.now and path == key for since, path in project.paths)
            if is_former and (call.is_authorised or not project.is_private):
                return self._moved(call, project, rest)
        return answers.not_found("Project")

    def _grouped(self, call: Call, group: str) -> Answer:
        """A group's projects by id; those of its subgroups and archived ones as the query says."""
        query = call.request.query
        if not self.estate.is_group(group, call.now):
            return answers.not_found("Group")
        shown = [
            each
            for each in self.estate.inside(group, call.now, is_deep=query.get("include_subgroups") == "true")
            if (call.is_authorised or not each.is_private)
            and not (query.get("archived") == "false" and self.estate.is_archived(each))
        ]
        window = lists.read_window(query)
        rows: list[payloads.Json] = [
            {**payloads.project(call.view, each), "archived": self.estate.is_archived(each)}
            for each in shown[window.span]
        ]
        return self._listed(call, rows, window, len(shown))

    def _moved(self, call: Call, project: Project, rest: str) -> Answer:
        query = call.request.target.partition("?")[2]
        return answers.moved(f"{self._base}{API}/projects/{project.id}{rest}" + (f"?{query}" if query else ""))

    def _below(self, call: Call, project: Project, rest: str) -> Answer:
        if project.is_private and not call.is_authorised:
            return answers.not_found("Project")
        if not rest:
            return json_answer(200, payloads.project(call.view, project))
        if not project.has_ci:
            return answers.message(403, "Forbidden")
        for pattern, route in _ROUTES:
            if call.request.method == "GET" and (match := re.fullmatch(pattern, rest)):
                try:
                    return route(self, call, project, *match.groups())
                except lists.BadParameter as error:
                    return answers.bad_parameter(str(error))
        return json_answer(404, {"error": "404 Not Found"})

    def pipelines(self, call: Call, project: Project) -> Answer:
        """The list, which knows little of each."""
        found = lists.select(self.world.pipelines(project, call.now), call.request.query, call.now)
        window = lists.read_window(call.request.query)
        rows = [payloads.pipeline_row(call.view, each) for each in found[window.span]]
        return self._listed(call, rows, window, len(found))

    def pipeline(self, call: Call, project: Project, number: str) -> Answer:
        """One pipeline, by its global id."""
        found = self._find(call, project, number)
        return answers.not_found("") if found is None else json_answer(200, payloads.pipeline(call.view, found))

    def pipeline_jobs(self, call: Call, project: Project, number: str) -> Answer:
        """Its jobs, the newest id first; retried ones only if asked for. Bridges are not among them."""
        found = self._find(call, project, number)
        if found is None:
            return answers.not_found("")
        with_retried = call.request.query.get("include_retried") == "true"
        jobs = found.existing(call.now) if with_retried else found.shown(call.now)
        return self._job_list(call, [(found, job) for job in jobs if job.downstream is None])

    def pipeline_bridges(self, call: Call, project: Project, number: str) -> Answer:
        """Its bridges; a retried one is not shown."""
        found = self._find(call, project, number)
        if found is None:
            return answers.not_found("")
        bridges = [job for job in found.shown(call.now) if job.downstream is not None]
        window = lists.read_window(call.request.query)
        rows = [payloads.bridge(call.view, found, job, self._started_by(job, call.now)) for job in bridges]
        return self._listed(call, rows[window.span], window, len(rows))

    def _started_by(self, bridge: Job, now: datetime) -> Pipeline | None:
        return None if bridge.downstream is None else self.world.pipeline(bridge.downstream, now)

    def compare(self, call: Call, project: Project) -> Answer:
        """The commits between two that were built on one ref; any other two are not found."""
        query = call.request.query
        pipelines = sorted(self.world.pipelines(project, call.now), key=lambda each: each.id)
        base, head = query.get("from", ""), query.get("to", "")
        ref = next((each.ref for each in pipelines if each.commit.sha == head), None)
        links = between(lineage(each.commit for each in pipelines if each.ref == ref), base, head)
        if links is None:
            return answers.not_found("Ref")
        return json_answer(200, payloads.compared(call.view, links))

    def jobs(self, call: Call, project: Project) -> Answer:
        """The jobs of all pipelines of a project."""
        pipelines = self.world.pipelines(project, call.now)
        return self._job_list(
            call, [(each, job) for each in pipelines for job in each.existing(call.now) if job.downstream is None]
        )

    def _job_list(self, call: Call, found: list[tuple[Pipeline, Job]]) -> Answer:
        window = lists.read_window(call.request.query)
        ordered = sorted(found, key=lambda pair: pair[1].id, reverse=True)
        rows = [payloads.job(call.view, pipeline, job) for pipeline, job in ordered[window.span]]
        return self._listed(call, rows, window, len(found))

    def job(self, call: Call, project: Project, number: str) -> Answer:
        """One job."""
        found = self._find_job(call, project, number)
        return answers.not_found("") if found is None else json_answer(200, payloads.job(call.view, *found))

    def trace(self, call: Call, project: Project, number: str) -> Answer:
        """What a job printed so far, as plain text."""
        found = self._find_job(call, project, number)
        if found is None:
            return answers.not_found("")
        return text_answer(200, payloads.trace(*found, call.now), "text/plain")

    def _listed(self, call: Call, rows: list[payloads.Json], window: lists.Window, total: int) -> Answer:
        headers = lists.page_headers(
            self._base + call.request.path, call.request.query, window, total, self.settings.totals_up_to
        )
        return json_answer(200, rows, headers)

    def _find(self, call: Call, project: Project, number: str) -> Pipeline | None:
        found = self.world.pipeline(int(number), call.now)
        return found if found is not None and found.project.id == project.id else None

    def _find_job(self, call: Call, project: Project, number: str) -> tuple[Pipeline, Job] | None:
        found = self.world.job(int(number), call.now)
        return found if found is not None and found[0].project.id == project.id else None

    def _web_page(self, call: Call) -> Answer:
        """What a person sees who follows a link to a pipeline."""
        match = re.fullmatch(r"/.+/-/pipelines/(\d+)", call.request.path)
        found = self.world.pipeline(int(match[1]), call.now) if match else None
        if found is None:
            return text_answer(404, "<h1>Page not found</h1>", "text/html; charset=utf-8")
        title, word = html.escape(found.title), found.phase_at(call.now).word
        page = f"<!doctype html><title>{title}</title><h1>{title}</h1><p>Pipeline {found.id}: {word}"
        return text_answer(200, page, "text/html; charset=utf-8")


_ROUTES: tuple[tuple[str, Callable[..., Answer]], ...] = (
    (r"/repository/compare", GitLab.compare),
    (r"/pipelines", GitLab.pipelines),
    (r"/pipelines/(\d+)", GitLab.pipeline),
    (r"/pipelines/(\d+)/jobs", GitLab.pipeline_jobs),
    (r"/pipelines/(\d+)/bridges", GitLab.pipeline_bridges),
    (r"/jobs", GitLab.jobs),
    (r"/jobs/(\d+)", GitLab.job),
    (r"/jobs/(\d+)/trace", GitLab.trace),
)


def _dressed(answer: Answer, headers: dict[str, str]) -> Answer:
    return Answer(answer.status, headers | answer.headers, answer.body)
