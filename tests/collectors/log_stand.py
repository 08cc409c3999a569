"""Logs end to end: a recorded build, a provider at the wire, the scheduler's part, and a client of the API."""

import io
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from collectors import COLLECTORS
from collectors.github import GitHubSettings
from collectors.logs import LogFetcher
from shared.config.settings import ProviderSettings
from shared.log_blocks import inflate
from shared.secret import SecretSource
from tests.api.serving import World, a_world, serve
from tests.factories import a_build, a_job
from tests.loopback import Heard, Loopback, reply

TOKEN = "wire-token-canary-0123456789"
JOBS = (a_job(external_id="1000", name="test"), a_job(external_id="1001", name="build / linux"))
JOB_LOG = "/repos/acme/web/actions/jobs/1000/logs"
ATTEMPT_LOG = "/repos/acme/web/actions/runs/100/attempts/1/logs"


def a_token() -> SecretSource:
    return SecretSource(env="TOKEN", environ={"TOKEN": TOKEN})


def a_zip(texts: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def plain(body: bytes | str, status: int = 200, content_type: str = "text/plain", **headers: str) -> bytes:
    content = body.encode() if isinstance(body, str) else body
    told = {name.replace("_", "-"): text for name, text in headers.items()}
    return reply(content, status, {"Content-Type": content_type, **told})


@dataclass
class LogStand:
    """A world with one build of two jobs, whose provider is `settings`."""

    world: World
    settings: ProviderSettings
    client: FlaskClient
    fetcher: LogFetcher

    def get(self, path: str, **headers: str) -> TestResponse:
        """The answer, asked for again as long as it is 202 (on a busy machine), unless the caller will not wait."""
        told = {name.replace("_", "-"): text for name, text in headers.items()}
        until = time.monotonic() + 60
        while (answer := self.client.get(path, headers=told)).status_code == 202 and "wait=" not in path:
            assert time.monotonic() < until, "not answered within a minute"
        return answer

    def build_id(self) -> int:
        return int(self.world.ask("SELECT id FROM builds LIMIT 1"))

    def job_id(self, external_id: str = "1000") -> int:
        return int(self.world.ask("SELECT id FROM jobs WHERE external_id = :it", it=external_id))

    def job_log(self, external_id: str = "1000", **headers: str) -> TestResponse:
        return self.get(f"/api/builds/{self.build_id()}/log?job={self.job_id(external_id)}", **headers)

    def whole_log(self, **headers: str) -> TestResponse:
        return self.get(f"/api/builds/{self.build_id()}/log", **headers)

    def stored_text(self) -> bytes:
        """Everything the table holds, inflated."""
        with self.world.engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT content, name FROM logs ORDER BY place").all()
        return b"".join(b"".join(inflate(row.content)) + row.name.encode() for row in rows)

    def state(self) -> Any:
        return self.world.ask("SELECT state FROM log_requests ORDER BY id DESC LIMIT 1")

    def let_be_asked_again(self) -> None:
        self.world.run("UPDATE log_requests SET again_at = clock_timestamp()")


def log_stand(engine: Engine, settings: ProviderSettings, scope: str = "acme/web", **build: Any) -> LogStand:
    world = a_world(engine, name=settings.name, provider=settings.kind, scope=scope)
    world.record(a_build(**({"jobs": JOBS, "provider": settings.kind} | build)))
    return LogStand(world, settings, serve(engine), LogFetcher(engine, (settings,), COLLECTORS, owner="here/1/2/test"))


@contextmanager
def fetching(stand: LogStand) -> Iterator[LogStand]:
    """Claim and fetch while the block runs, as a scheduler does, only more often."""
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.02):
            stand.fetcher.fetch_wanted_logs()

    ticking = threading.Thread(target=tick)
    ticking.start()
    try:
        yield stand
    finally:
        done.set()
        ticking.join()
        stand.fetcher.stop()


@contextmanager
def github(
    engine: Engine, storage: Callable[[Heard], bytes], answer: Callable[[Heard, str], bytes] | None = None
) -> Iterator[tuple[LogStand, Loopback, Loopback]]:
    """A GitHub that redirects every log to a storage host, which answers as told."""
    with Loopback(storage) as kept:

        def redirect(heard: Heard) -> bytes:
            if answer is not None:
                return answer(heard, kept.url)
            return plain(b"", 302, Location=f"{kept.url}/signed{heard.target}?sig=0123456789abcdef")

        with Loopback(redirect) as api:
            settings = GitHubSettings(
                kind="github",
                name="github.com",
                base_url=api.url,
                token=a_token(),
                log_hosts=(f"127.0.0.1:{kept.port}",),
            )
            with fetching(log_stand(engine, settings)) as stand:
                yield stand, api, kept


def wait_until(condition: Callable[[], object], seconds: float = 15) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.02)
