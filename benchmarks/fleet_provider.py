"""A fleet's provider: many GitHub repositories, GitLab projects and Jenkins jobs whose builds are a function of time.

Every answer takes as long as it is told. The whole wire is the simulator's; here it is only as much as
a collector reads, so that the provider costs less than the scheduler that is measured.
"""

import hashlib
import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

QUEUED_SECONDS = 5
RUN_SECONDS = 60
PERIOD_SECONDS = 240
PAST = (-7200, -5400)
LIMIT = 5000


@dataclass(frozen=True, slots=True)
class Build:
    """One build: created, started, finished, in seconds of the clock."""

    id: int
    created: float

    @property
    def started(self) -> float:
        return self.created + QUEUED_SECONDS

    @property
    def finished(self) -> float:
        return self.started + RUN_SECONDS

    def changed(self, now: float) -> float:
        """When it last changed."""
        return max(at for at in (self.created, self.started, self.finished) if at <= now)

    def stage(self, now: float) -> int:
        """0 while it waits, 1 while it runs, 2 when it is over."""
        return (now >= self.started) + (now >= self.finished)


@dataclass(frozen=True, slots=True)
class Fleet:
    """`sources` of each installation; of every `one_in` one is active, of the quiet ones as many wake up once."""

    began: float
    lasts: float
    one_in: int = 10

    def builds(self, source: int, now: float) -> list[Build]:
        """The builds of a source, newest first, without those to come."""
        return [build for build in reversed(list(self._all(source))) if build.created <= now]

    def is_active(self, source: int) -> bool:
        return source % self.one_in == 0

    def wakes(self, source: int) -> bool:
        """Whether a quiet source has one build, late enough for it to have become quiet."""
        return source % self.one_in == 1 and self.lasts > 0

    def _all(self, source: int) -> Iterator[Build]:
        for number, ago in enumerate(PAST):
            yield Build(source * 1000 + number, self.began + ago)
        offset = int(hashlib.sha256(str(source).encode()).hexdigest(), 16) % 10_000 / 10_000
        if self.is_active(source):
            first = self.began - PERIOD_SECONDS + offset * PERIOD_SECONDS
            for number in range(int(self.lasts / PERIOD_SECONDS) + 2):
                yield Build(source * 1000 + 10 + number, first + number * PERIOD_SECONDS)
        elif self.wakes(source):
            yield Build(source * 1000 + 10, self.began + self.lasts * (0.3 + 0.3 * offset))


class Provider(ThreadingHTTPServer):
    """One process that plays every installation of the fleet: `/github-1/…`, `/gitlab/…`, `/jenkins/…`."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, fleet: Fleet, latency: float, jobs: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fleet, self.latency, self.jobs = fleet, latency, jobs
        self.spent: Counter[str] = Counter()
        self.used: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._lock = threading.Lock()

    def arrive(self, who: str) -> None:
        with self._lock:
            self.calls[who] += 1
            self._now[who] += 1
            self.most[who] = max(self.most[who], self._now[who])

    def leave(self, who: str, *, is_free: bool) -> int:
        with self._lock:
            self._now[who] -= 1
            self.spent[who] += not is_free
            self.used[who] += not is_free
            return max(0, LIMIT - self.used[who])

    def begin_hour(self) -> None:
        """Grant every limit anew."""
        with self._lock:
            self.used.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536
    disable_nagle_algorithm = True
    server: Provider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        site, _, path = parts.path.lstrip("/").partition("/")
        if site == "_report":
            self._send(200, self._report(), {})
            return
        if site == "_begin_hour":
            self.server.begin_hour()
            self._send(204, None, {})
            return
        self.server.arrive(site)
        time.sleep(self.server.latency)
        now = time.time()
        content = _answer(
            self.server, site, path, {name: each[-1] for name, each in parse_qs(parts.query).items()}, now
        )
        body = json.dumps(content).encode()
        etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
        is_known = site.startswith("github") and self.headers.get("if-none-match") == etag
        left = self.server.leave(site, is_free=is_known)
        if is_known:
            self._send(304, None, {"ETag": etag, **_limits(site, left, self.server.fleet)})
        else:
            status = 404 if content is None else 200
            self._send(status, body, {"ETag": etag, **_limits(site, left, self.server.fleet)})

    def _report(self) -> bytes:
        server = self.server
        return json.dumps({"calls": server.calls, "spent": server.spent, "most": server.most}).encode()

    def _send(self, status: int, body: bytes | None, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        if body is not None:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body is not None:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Nothing: a line a request would be measured too."""


def _limits(site: str, left: int, fleet: Fleet) -> dict[str, str]:
    if site.startswith("github"):
        hours = int((time.time() - fleet.began) / 3600)
        reset = str(int(fleet.began + 3600 * (hours + 1)))
        return {"X-RateLimit-Limit": str(LIMIT), "X-RateLimit-Remaining": str(left), "X-RateLimit-Reset": reset}
    if site == "gitlab":
        reset = str(int(time.time()) // 60 * 60 + 60)
        return {"RateLimit-Limit": "2000", "RateLimit-Remaining": "1900", "RateLimit-Reset": reset}
    return {"X-Jenkins": "2.528"}


def _answer(server: Provider, site: str, path: str, query: dict[str, str], now: float) -> object:
    if site.startswith("github"):
        return _github(server.fleet, path, query, now)
    return _gitlab(server.fleet, path, query, now) if site == "gitlab" else _jenkins(server, path, now)


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _github(fleet: Fleet, path: str, query: dict[str, str], now: float) -> object:
    match = re.fullmatch(r"repos/fleet/r(\d+)(/.*)?", path)
    if match is None:
        return None
    source, rest = int(match[1]), match[2] or ""
    builds = fleet.builds(source, now)
    if rest == "":
        return {"id": source, "full_name": f"fleet/r{source}", "default_branch": "main", "private": False}
    if rest == "/actions/runs":
        runs = [_run(source, build, now) for build in builds]
        runs = [run for run in runs if query.get("status") in (None, run["status"])]
        page = int(query.get("page", "1"))
        return {"total_count": len(runs), "workflow_runs": runs if page == 1 else []}
    if found := re.fullmatch(r"/actions/runs/(\d+)(/attempts/1)?(/jobs)?", rest):
        build = next((each for each in builds if each.id == int(found[1])), None)
        if build is None:
            return None
        return {"total_count": 1, "jobs": [_job(build, now)]} if found[3] else _run(source, build, now)
    return None


def _run(source: int, build: Build, now: float) -> dict[str, object]:
    stage = build.stage(now)
    return {
        "id": build.id,
        "name": "CI",
        "workflow_id": source,
        "run_number": build.id % 1000,
        "run_attempt": 1,
        "status": ("queued", "in_progress", "completed")[stage],
        "conclusion": "success" if stage == 2 else None,
        "created_at": _stamp(build.created),
        "run_started_at": _stamp(build.created),
        "updated_at": _stamp(build.changed(now)),
        "head_branch": "main",
        "head_sha": f"{build.id:040x}",
        "event": "push",
        "html_url": f"http://127.0.0.1/fleet/r{source}/actions/runs/{build.id}",
        "repository": {"id": source, "full_name": f"fleet/r{source}"},
    }


def _job(build: Build, now: float) -> dict[str, object]:
    stage = build.stage(now)
    return {
        "id": build.id * 10,
        "run_id": build.id,
        "run_attempt": 1,
        "name": "test",
        "status": ("queued", "in_progress", "completed")[stage],
        "conclusion": "success" if stage == 2 else None,
        "created_at": _stamp(build.created),
        "started_at": _stamp(build.started) if stage else None,
        "completed_at": _stamp(build.finished) if stage == 2 else None,
    }


def _gitlab(fleet: Fleet, path: str, query: dict[str, str], now: float) -> object:
    match = re.fullmatch(r"api/v4/projects/([^/]+)(/.*)?", path)
    number = re.search(r"(\d+)$", unquote(match[1])) if match else None
    if match is None or number is None:
        return None
    source, rest = int(number[1]), match[2] or ""
    builds = fleet.builds(source, now)
    if rest == "":
        return {
            "id": source,
            "path_with_namespace": f"fleet/p{source}",
            "default_branch": "main",
            "web_url": f"http://127.0.0.1/fleet/p{source}",
            "builds_access_level": "enabled",
            "jobs_enabled": True,
        }
    if rest == "/pipelines":
        after = query.get("updated_after")
        since = datetime.fromisoformat(after).timestamp() if after else 0.0
        rows = [_pipeline(source, build, now) for build in builds if build.changed(now) > since]
        return [] if "source" in query else sorted(rows, key=lambda row: str(row["updated_at"]))
    if found := re.fullmatch(r"/pipelines/(\d+)(/jobs|/bridges)?", rest):
        build = next((each for each in builds if each.id == int(found[1])), None)
        if build is None:
            return None
        if found[2] == "/bridges":
            return []
        return [_gitlab_job(source, build, now)] if found[2] else _pipeline(source, build, now)
    return None


def _pipeline(source: int, build: Build, now: float) -> dict[str, object]:
    stage = build.stage(now)
    return {
        "id": build.id,
        "iid": build.id % 1000,
        "project_id": source,
        "status": ("pending", "running", "success")[stage],
        "source": "push",
        "ref": "main",
        "sha": f"{build.id:040x}",
        "created_at": _stamp(build.created),
        "updated_at": _stamp(build.changed(now)),
        "started_at": _stamp(build.started) if stage else None,
        "finished_at": _stamp(build.finished) if stage == 2 else None,
        "duration": RUN_SECONDS if stage == 2 else None,
        "web_url": f"http://127.0.0.1/fleet/p{source}/-/pipelines/{build.id}",
    }


def _gitlab_job(source: int, build: Build, now: float) -> dict[str, object]:
    row = _pipeline(source, build, now)
    return {
        "id": build.id * 10,
        "name": "test",
        "stage": "test",
        "status": row["status"],
        "created_at": row["created_at"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "duration": row["duration"],
        "allow_failure": False,
        "retried": False,
        "pipeline": {"id": build.id, "project_id": source},
    }


def _jenkins(server: Provider, path: str, now: float) -> object:
    match = re.match(r"job/j(\d+)/", path)
    if match is None:
        return {"jobs": []} if "queue" not in path else {"items": []}
    source = int(match[1])
    url = f"http://127.0.0.1:{server.server_port}/jenkins/job/j{source}/"
    # A queued build of Jenkins is no build yet: it appears when it starts.
    beans = [_bean(url, build, now) for build in server.fleet.builds(source, now) if build.stage(now)]
    if found := re.match(r"job/j\d+/(\d+)/", path):
        if "wfapi" in path:
            return None
        return next((bean for bean in beans if bean["number"] == int(found[1])), None)
    return {
        "_class": "hudson.model.FreeStyleProject",
        "name": f"j{source}",
        "fullName": f"j{source}",
        "url": url,
        "inQueue": False,
        "color": "blue",
        "builds": beans,
        "allBuilds": beans,
        "lastBuild": beans[0] if beans else None,
    }


def _bean(url: str, build: Build, now: float) -> dict[str, object]:
    is_over = build.stage(now) == 2
    number = build.id % 1000 + 1
    return {
        "_class": "hudson.model.FreeStyleBuild",
        "number": number,
        "id": str(number),
        "url": f"{url}{number}/",
        "building": not is_over,
        "result": "SUCCESS" if is_over else None,
        "timestamp": int(build.started * 1000),
        "duration": RUN_SECONDS * 1000 if is_over else 0,
        "estimatedDuration": RUN_SECONDS * 1000,
        "queueId": build.id,
        "fullDisplayName": f"job #{number}",
        "actions": [],
    }


def main() -> None:
    """Serve until the parent closes our standard input; the arguments are one JSON object."""
    given = json.loads(sys.argv[1])
    fleet = Fleet(given["began"], given["lasts"], given["one_in"])
    provider = Provider(fleet, given["latency"], given["jobs"])
    print(provider.server_port, flush=True)
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
