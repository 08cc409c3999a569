"""What GitHub has under a repository: workflows, runs, attempts, jobs and logs, each as the answer to its address."""

import html
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import unquote

from simulator import logs
from simulator.exchange import Answer, Request, json_answer, text_answer
from simulator.github import answers, lists, payloads
from simulator.github.payloads import View
from simulator.history import Attempt, Repository, Run, attempts_at, jobs_at, phase_at, state_at
from simulator.lineage import between, lineage
from simulator.world import World


@dataclass(slots=True)
class GitHubSettings:
    """What can be chosen about the fake: who may ask how often, and where lists stop.

    `tokens` maps a valid token to its requests an hour; any other token gets a 401.
    """

    tokens: dict[str, int]
    anonymous_limit: int = 60
    caps: lists.Caps = field(default_factory=lists.Caps)
    logs_live: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Call:
    """One request with everything its route needs."""

    request: Request
    view: View
    is_authorised: bool

    @property
    def now(self) -> datetime:
        """The provider's instant of this request."""
        return self.view.now


class Resources:
    """Everything below `/repos/{owner}/{name}`, over a world and what clients deleted from it."""

    def __init__(self, world: World, settings: GitHubSettings, base: str, downloads: str) -> None:
        self._world = world
        self._settings = settings
        self._base = base
        self._downloads = downloads
        self.link_secret = f"links of {world.seed}".encode()
        self._lock = threading.Lock()
        self._deleted_runs: set[int] = set()
        self._deleted_logs: set[int] = set()

    @property
    def deleted_runs(self) -> frozenset[int]:
        """The runs that a client deleted."""
        with self._lock:
            return frozenset(self._deleted_runs)

    def repository(self, call: Call, repository: Repository) -> Answer:
        answer = json_answer(200, payloads.full_repository(call.view, repository))
        return answer.with_headers(Last_Modified=answers.http_date(repository.created_at))

    def workflows(self, call: Call, repository: Repository) -> Answer:
        window = lists.read_window(call.request.query)
        everything = [payloads.workflow(call.view, repository, each) for each in repository.workflows]
        content = {"total_count": len(everything), "workflows": everything[window.span]}
        address = f"/repositories/{repository.id}/actions/workflows"
        return self._linked(call, address, window, content, reachable=len(everything))

    def workflow(self, call: Call, repository: Repository, key: str) -> Answer:
        for each in repository.workflows:
            if unquote(key) in {str(each.id), each.path.rpartition("/")[2]}:
                return json_answer(200, payloads.workflow(call.view, repository, each))
        return answers.not_found("/actions/workflows#get-a-workflow")

    def runs(self, call: Call, repository: Repository) -> Answer:
        return self._run_list(call, repository, "/actions/runs", {})

    def workflow_runs(self, call: Call, repository: Repository, key: str) -> Answer:
        if self.workflow(call, repository, key).status != 200:
            return answers.not_found("/actions/workflow-runs#list-workflow-runs-for-a-workflow")
        return self._run_list(call, repository, f"/actions/workflows/{key}/runs", {"workflow": unquote(key)})

    def _run_list(self, call: Call, repository: Repository, rest: str, extra: dict[str, str]) -> Answer:
        query = {name: text for name, text in call.request.query.items() if name != "workflow"}
        window = lists.read_window(query)
        caps = self._settings.caps
        filtered = lists.is_filtered(query)
        if not filtered and window.number * window.size > caps.unfiltered:
            return answers.too_deep()
        total, runs = self._page(repository, query | extra, window, call.now)
        reachable = min(total, caps.filtered) if filtered else total
        runs = runs if not filtered or window.span.start < caps.filtered else []
        with_pulls = query.get("exclude_pull_requests") not in {"true", "1"}
        rows = [_latest(call.view, run, with_pulls=with_pulls) for run in runs]
        content = {"total_count": lists.reported_total(total, query | extra, caps), "workflow_runs": rows}
        return self._linked(call, f"/repositories/{repository.id}{rest}", window, content, reachable=reachable)

    def _page(
        self, repository: Repository, query: dict[str, str], window: lists.Window, now: datetime
    ) -> tuple[int, list[Run]]:
        """How many runs a query finds and those on one page; without a filter only the page's runs are told."""
        deleted = self.deleted_runs
        slots = self._world.slots(repository, now)
        if not deleted and not lists.is_filtered(query) and "workflow" not in query:
            return len(slots), [self._world.run_in(repository, slot) for slot in slots[window.span]]
        everything = (self._world.run_in(repository, slot) for slot in slots)
        found = lists.select([run for run in everything if run.id not in deleted], query, now)
        return len(found), found[window.span]

    def _linked(self, call: Call, address: str, window: lists.Window, content: object, *, reachable: int) -> Answer:
        """A page of a list with its `Link` header; the addresses in it are the numeric ones."""
        link = lists.link_header(self._base + address, call.request.query, window, reachable)
        answer = json_answer(200, content)
        return answer.with_headers(Link=link) if link else answer

    def compare(self, call: Call, repository: Repository, base: str, head: str) -> Answer:
        """The commits between two that were built on one branch; any other two are not found."""
        slots = self._world.slots(repository, call.now)
        runs = [self._world.run_in(repository, slot) for slot in reversed(slots)]
        branch = next((run.branch for run in runs if run.commit.sha == unquote(head)), None)
        links = between(lineage(run.commit for run in runs if run.branch == branch), unquote(base), unquote(head))
        if links is None:
            return answers.not_found("/commits/commits#compare-two-commits")
        window = lists.read_window(call.request.query)
        content = payloads.compared(call.view, repository, links, links[window.span], unquote(base))
        address = f"/repositories/{repository.id}/compare/{base}...{head}"
        return self._linked(call, address, window, content, reachable=len(links))

    def run(self, call: Call, repository: Repository, run_id: str) -> Answer:
        run = self._find(call, repository, run_id)
        if run is None:
            return answers.not_found("/actions/workflow-runs#get-a-workflow-run")
        return json_answer(200, _latest(call.view, run, with_pulls=_with_pulls(call)))

    def delete_run(self, call: Call, repository: Repository, run_id: str) -> Answer:
        run = self._find(call, repository, run_id)
        if run is None or not call.is_authorised:
            return answers.not_found("/actions/workflow-runs#delete-a-workflow-run")
        with self._lock:
            self._deleted_runs.add(run.id)
        return Answer(204)

    def attempt(self, call: Call, repository: Repository, run_id: str, number: str) -> Answer:
        found = self._find_attempt(call, repository, run_id, number)
        if found is None:
            return answers.not_found("/actions/workflow-runs#get-a-workflow-run-attempt")
        run, attempt = found
        phase = phase_at(attempt, call.now)
        row = payloads.run(call.view, run, attempt, phase, is_attempt=True, with_pulls=_with_pulls(call))
        return json_answer(200, row)

    def run_jobs(self, call: Call, repository: Repository, run_id: str) -> Answer:
        run = self._find(call, repository, run_id)
        if run is None:
            return answers.not_found("/actions/workflow-jobs#list-jobs-for-a-workflow-run")
        begun = attempts_at(run, call.now)
        wanted = begun if call.request.query.get("filter") == "all" else begun[-1:]
        return self._job_list(call, run, "jobs", wanted)

    def attempt_jobs(self, call: Call, repository: Repository, run_id: str, number: str) -> Answer:
        found = self._find_attempt(call, repository, run_id, number)
        if found is None:
            return answers.not_found("/actions/workflow-jobs#list-jobs-for-a-workflow-run-attempt")
        run, attempt = found
        return self._job_list(call, run, f"attempts/{number}/jobs", (attempt,))

    def _job_list(self, call: Call, run: Run, rest: str, attempts: tuple[Attempt, ...]) -> Answer:
        window = lists.read_window(call.request.query)
        found = [(attempt, job) for attempt in attempts for job in jobs_at(attempt, call.now)]
        rows = [payloads.job(call.view, run, attempt, job) for attempt, job in found[window.span]]
        address = f"/repositories/{run.repository.id}/actions/runs/{run.id}/{rest}"
        return self._linked(call, address, window, {"total_count": len(found), "jobs": rows}, reachable=len(found))

    def job(self, call: Call, repository: Repository, job_id: str) -> Answer:
        found = self._world.job(int(job_id), call.now)
        if found is None or self._find(call, repository, str(found[0].id)) is None:
            return answers.not_found("/actions/workflow-jobs#get-a-job-for-a-workflow-run")
        return json_answer(200, payloads.job(call.view, *found))

    def run_logs(self, call: Call, repository: Repository, run_id: str, number: str | None = None) -> Answer:
        run = self._find(call, repository, run_id)
        begun = attempts_at(run, call.now) if run is not None else ()
        wanted = [each for each in begun if number is None or str(each.number) == number][-1:]
        is_ready = any(logs.has_log(job, call.now) for attempt in wanted for job in attempt.jobs)
        path = f"/logs/runs/{run_id}/{wanted[0].number}" if wanted else ""
        return self._signed(call, run, path, is_ready=is_ready)

    def job_logs(self, call: Call, repository: Repository, job_id: str) -> Answer:
        found = self._world.job(int(job_id), call.now)
        run = self._find(call, repository, str(found[0].id)) if found is not None else None
        is_ready = found is not None and logs.has_log(found[2], call.now)
        return self._signed(call, run, f"/logs/jobs/{job_id}", is_ready=is_ready)

    def _signed(self, call: Call, run: Run | None, path: str, *, is_ready: bool) -> Answer:
        """The way to a log on another host: unauthenticated, for a minute; gone when deleted or too old."""
        if run is None or not is_ready or run.id in self._deleted_logs:
            return answers.not_found("/actions/workflow-runs#download-workflow-run-logs")
        if call.now - run.created_at > self._settings.logs_live:
            return answers.error(410, "Server Error: the logs for this run have expired and are no longer available.")
        if not call.is_authorised:
            return answers.error(403, "Must have admin rights to Repository.", "/actions/workflow-runs")
        location = self._downloads + logs.sign(self.link_secret, path, call.now)
        return Answer(302, {"Location": location, "Content-Type": "text/html;charset=utf-8"})

    def delete_logs(self, call: Call, repository: Repository, run_id: str) -> Answer:
        run = self._find(call, repository, run_id)
        if run is None or not call.is_authorised:
            return answers.not_found("/actions/workflow-runs#delete-workflow-run-logs")
        with self._lock:
            self._deleted_logs.add(run.id)
        return Answer(204)

    def web_page(self, call: Call, run_id: int) -> Answer:
        """What a person sees who follows a link to a run."""
        run = self._world.run(run_id, call.now)
        found = state_at(run, call.now) if run is not None else None
        if run is None or found is None:
            return text_answer(404, "<h1>Not found</h1>", "text/html; charset=utf-8")
        title, state = html.escape(run.title), html.escape(found[1].state)
        page = (
            f"<!doctype html><title>{title}</title><h1>{title}</h1><p>Run {run.id}, attempt {found[0].number}: {state}"
        )
        return text_answer(200, page, "text/html; charset=utf-8")

    def _find(self, call: Call, repository: Repository, run_id: str) -> Run | None:
        run = self._world.run(int(run_id), call.now)
        is_here = run is not None and run.repository.id == repository.id and run.id not in self.deleted_runs
        return run if is_here else None

    def _find_attempt(self, call: Call, repository: Repository, run_id: str, number: str) -> tuple[Run, Attempt] | None:
        run = self._find(call, repository, run_id)
        begun = attempts_at(run, call.now) if run is not None else ()
        return next(((run, each) for each in begun if run is not None and str(each.number) == number), None)


def _latest(view: View, run: Run, *, with_pulls: bool) -> payloads.Json:
    found = state_at(run, view.now)
    if found is None:
        raise LookupError(f"run {run.id} does not exist yet at {view.now}")
    return payloads.run(view, run, *found, with_pulls=with_pulls)


def _with_pulls(call: Call) -> bool:
    return call.request.query.get("exclude_pull_requests") not in {"true", "1"}


ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", r"", Resources.repository),
    ("GET", r"/actions/workflows", Resources.workflows),
    ("GET", r"/actions/workflows/([^/]+)", Resources.workflow),
    ("GET", r"/actions/workflows/([^/]+)/runs", Resources.workflow_runs),
    ("GET", r"/compare/([^/]+?)\.\.\.([^/]+)", Resources.compare),
    ("GET", r"/actions/runs", Resources.runs),
    ("GET", r"/actions/runs/(\d+)", Resources.run),
    ("DELETE", r"/actions/runs/(\d+)", Resources.delete_run),
    ("GET", r"/actions/runs/(\d+)/jobs", Resources.run_jobs),
    ("GET", r"/actions/runs/(\d+)/logs", Resources.run_logs),
    ("DELETE", r"/actions/runs/(\d+)/logs", Resources.delete_logs),
    ("GET", r"/actions/runs/(\d+)/attempts/(\d+)", Resources.attempt),
    ("GET", r"/actions/runs/(\d+)/attempts/(\d+)/jobs", Resources.attempt_jobs),
    ("GET", r"/actions/runs/(\d+)/attempts/(\d+)/logs", Resources.run_logs),
    ("GET", r"/actions/jobs/(\d+)", Resources.job),
    ("GET", r"/actions/jobs/(\d+)/logs", Resources.job_logs),
)
