"""A real Prometheus scrapes a real API process, and has what the database has."""

import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from shared.keys import Scope
from shared.metrics.fold import fold
from tests.api.serving import World, a_world, many_builds
from tests.api.stand import running_api, wait_for
from tests.factories import NOON, a_build, minutes

PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")

pytestmark = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None, reason="needs Debian's package prometheus (.ci/run installs it)"
)

# The key stands in a file, as it should; one job has a key that was never given out.
CONFIGURATION = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: observatory
    authorization: {{credentials_file: {folder}/key}}
    static_configs: [{{targets: ["{address}"]}}]
  - job_name: intruder
    authorization: {{credentials: obs_wrong}}
    static_configs: [{{targets: ["{address}"]}}]
"""

BY_PIPELINE = """
    SELECT coalesce(r.name || ' / ', '') || p.name AS pipeline, b.status AS result, count(*) AS builds
    FROM builds b JOIN pipelines p ON p.id = b.pipeline_id LEFT JOIN repositories r ON r.id = p.repository_id
    WHERE b.is_finished GROUP BY 1, 2
"""


class Prometheus:
    """The running server, asked by its HTTP API."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """An instant vector: each sample's labels under `metric`, its text under `value`."""
        asked = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        try:
            with urllib.request.urlopen(asked, timeout=5) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                return found
        except OSError:
            return []

    def number(self, expression: str) -> float | None:
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None


@contextmanager
def prometheus(folder: Path, address: str, key: str) -> Iterator[Prometheus]:
    """A Prometheus of its own on a free port, its data in `folder`, ended with the block."""
    assert PROMETHEUS is not None
    (folder / "key").write_text(key)
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(folder=folder, address=address))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            PROMETHEUS,
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
    )
    try:
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(20)


def by_pipeline(engine: Engine) -> dict[tuple[str, str], int]:
    with engine.connect() as connection:
        return {(row.pipeline, row.result): row.builds for row in connection.execute(text(BY_PIPELINE))}


def a_week_of_builds(database: Engine) -> World:
    """Three pipelines, one of them with a build run again and a verdict that changed late."""
    world = a_world(database)
    world.record(*many_builds(7), a_build("running", external_id="open", queued_at=NOON + minutes(60)))
    for number in (1, 2):
        fields: dict[str, Any] = {"pipeline_external_id": f"1/{number}", "pipeline_name": f"night {number}"}
        for status in ("failed", "timed_out", "cancelled"):
            world.record(a_build(status, external_id=f"{number}{status}", **fields))
    fold(database)
    world.record(a_build("succeeded", external_id="0", attempt=2, finished_at=NOON + minutes(30)))
    world.record(a_build("failed", external_id="1", updated_at=NOON + minutes(40), queued_at=NOON + minutes(1)))
    return world


def test_prometheus_has_what_the_database_has(database: Engine, database_url: str, folder: Path) -> None:
    world = a_week_of_builds(database)

    with (
        running_api(database_url) as api,
        prometheus(folder, api.address, world.key(Scope.READ)) as server,
    ):
        wait_for(lambda: server.number('count_over_time(up{job="observatory"}[1m]) > 1'), 30)

        told = server.query('observatory_pipeline_builds{job="observatory"}')
        head = server.number('observatory_events_head{job="observatory"}')
        timed = server.number('sum(cicd_pipeline_run_duration_seconds_sum{job="observatory"})')
        median = server.number(
            'histogram_quantile(0.5, sum by (le) (cicd_pipeline_run_duration_seconds_bucket{job="observatory"}))'
        )
        intruders = server.query('up{job="intruder"} == 0')

    counts = {(each["metric"]["pipeline"], each["metric"]["result"]): float(each["value"][1]) for each in told}
    assert {key: count for key, count in counts.items() if count} == by_pipeline(database)
    assert head == world.ask("SELECT max(pos) FROM events")
    assert timed == world.ask("SELECT sum(duration_seconds) FROM builds WHERE is_finished")
    assert median is not None
    assert 120 < median <= 300
    assert len(intruders) == 1


def test_promtool_finds_nothing_to_complain_about(database: Engine, database_url: str) -> None:
    world = a_week_of_builds(database)
    world.run("INSERT INTO credentials (fingerprint, instance_id, remaining) VALUES ('abc', 1, 42)")
    world.run("INSERT INTO processes (id, kind, host, pid, version) VALUES ('s', 'scheduler', 'build1', 7, '0')")
    world.run("INSERT INTO telemetry (pos) VALUES (0)")
    assert PROMTOOL is not None

    with running_api(database_url) as api:
        _, exposition = api.get("/metrics")
    checked = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=exposition, capture_output=True, timeout=30, check=False
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
