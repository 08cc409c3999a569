"""Recorded reality: every recorded payload is a build, a job, neither with the reason, or a problem; all counted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from collectors.reading import Reading
from tests.conformance.__main__ import table
from tests.conformance.counts import COUNTS
from tests.conformance.reading import counted, readings
from tests.recorded import exchanges, recorded

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=sorted(COUNTS))
def provider(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    recorded(name)
    return name


@pytest.fixture(scope="module")
def found(provider: str) -> dict[str, Reading]:
    return readings(provider)


def test_every_recorded_payload_counts_as_what_it_is(provider: str, found: dict[str, Reading]) -> None:
    assert counted(found) == COUNTS[provider]


def test_no_folder_of_the_recording_is_left_out(provider: str) -> None:
    assert {path.name for path in recorded(provider).iterdir() if path.is_dir()} == COUNTS[provider].keys()


def test_every_reading_holds_something_or_says_why_not(found: dict[str, Reading]) -> None:
    for name, reading in found.items():
        holds = bool(reading.builds or reading.jobs or reading.unreadable)
        assert holds is (reading.not_a_build is None), name


def test_no_recorded_build_has_an_impossible_time_or_a_foreign_link(found: dict[str, Reading]) -> None:
    for build in (build for reading in found.values() for build in reading.builds):
        assert build.duration_seconds is None or build.duration_seconds >= 0
        assert build.finished_at is None or build.is_finished
        assert build.queued_seconds is None or build.queued_seconds >= 0
        assert build.web_url is None or build.web_url.startswith(("https://", "http://"))


def test_every_recorded_payload_is_read_once(provider: str) -> None:
    assert len(exchanges(provider)) == sum(count["payloads"] for count in COUNTS[provider].values())


def report(*options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "tests.conformance", *options]
    return subprocess.run(program, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **environ})


def test_the_report_for_programs_is_what_is_pinned() -> None:
    recorded("github")
    shown = report("--json")

    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout) == COUNTS


def test_the_report_for_people_has_a_line_a_folder() -> None:
    text = table(COUNTS)

    for provider, folders in COUNTS.items():
        for folder, count in folders.items():
            [line] = [line.split() for line in text.splitlines() if line.split()[:2] == [provider, folder]]
            assert (int(line[2]), int(line[3])) == (count["payloads"], count["builds"])


def test_without_recordings_the_report_says_where_they_belong(tmp_path: Path) -> None:
    shown = report(OBSERVATORY_RECORDED=str(tmp_path))

    assert shown.returncode == 2
    assert "set OBSERVATORY_RECORDED" in shown.stderr
