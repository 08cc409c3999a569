"""`observatory observe`: every observation a line with a build object's names, everything else in words on stderr."""

import json
from pathlib import Path
from typing import Any

import pytest

from api.shapes import BuildSchema
from tests.cli.conftest import Run
from tests.collectors.github_rows import Row, a_job, a_run

PING = {"zen": "Keep it logically awesome.", "hook_id": 1}


def observed(
    run: Run, *documents: object, code: int = 0, provider: str = "github", options: tuple[str, ...] = ()
) -> Any:
    """The lines of stdout and the text of stderr, for documents that come as JSON lines on stdin."""
    text = "\n".join(json.dumps(document) for document in documents)
    result = run("observe", provider, "-", *options, stdin=text)
    assert result.exit_code == code, result.output
    return [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def webhook(event: str, row: Row) -> Row:
    return {"action": "completed", event: row, "repository": {"id": 1, "default_branch": "main"}}


def test_a_build_is_one_line_with_the_names_of_a_build_object(run: Run) -> None:
    [build], said = observed(run, a_run(conclusion="failure", run_attempt=2))

    assert build.keys() >= {*BuildSchema().fields, "is_finished", "problems"} - {"attempts", "pipeline"}
    assert (build["external_id"], build["attempt"], build["status"]) == ("100", 2, "failed")
    assert (build["raw_status"], build["is_finished"], build["problems"]) == ("completed/failure", True, [])
    assert (build["started_at"], build["finished_at"]) == ("2026-11-20T12:00:00Z", "2026-11-20T12:05:00Z")
    assert build["duration_seconds"] == 300
    assert build["web_url"] == "https://github.com/acme/web/actions/runs/100"
    assert said == ""


@pytest.mark.parametrize(
    "document",
    [
        {"total_count": 2, "workflow_runs": [a_run(), a_run(id=101)]},
        [a_run(), a_run(id=101)],
        [webhook("workflow_run", a_run()), {"workflow_runs": [a_run(id=101)]}],
    ],
)
def test_a_list_is_a_line_for_each_of_its_builds(run: Run, document: object) -> None:
    builds, _ = observed(run, document)

    assert [build["external_id"] for build in builds] == ["100", "101"]


def test_a_job_says_so_and_whose_it_is(run: Run) -> None:
    jobs, _ = observed(run, {"jobs": [a_job()]}, webhook("workflow_job", a_job(status="rested", id=1001)))

    assert [job["kind"] for job in jobs] == ["job", "job"]
    assert (jobs[0]["build_external_id"], jobs[0]["attempt"], jobs[0]["external_id"]) == ("100", 1, "1000")
    assert (jobs[0]["status"], jobs[0]["duration_seconds"], jobs[0]["problems"]) == ("succeeded", 228, [])
    assert (jobs[1]["status"], jobs[1]["problems"]) == ("unknown", ["status rested is unknown"])


def test_what_is_no_build_says_what_it_is_and_is_no_failure(run: Run) -> None:
    builds, said = observed(run, PING, a_run(), ["nothing"])

    assert len(builds) == 1
    assert said == "line 1: not a build: ping webhook\nline 3: not a build: JSON list\n"


def test_a_row_that_cannot_be_read_says_why_and_fails_after_the_others(run: Run) -> None:
    builds, said = observed(run, {"workflow_runs": [a_run(workflow_id=None), a_run(id=101)]}, code=1)

    assert [build["external_id"] for build in builds] == ["101"]
    assert "the file: unreadable run 100: a run without a usable workflow_id" in said
    assert "1 row could not be read" in said


def test_recordings_are_read_for_what_they_hold(run: Run) -> None:
    exchange = {"method": "GET", "url": "https://api.ghe.example/x", "status": 200, "body": a_run()}
    raw = {"_meta": {"url": "https://api.github.com/x"}, "data": a_run(id=101)}

    builds, said = observed(run, exchange, raw, {**exchange, "status": 404})

    assert [build["external_id"] for build in builds] == ["100", "101"]
    assert [build["web_url"] for build in builds] == [None, "https://github.com/acme/web/actions/runs/100"]
    assert "line 3: not a build: answer with the status 404" in said


def test_the_payloads_own_links_say_where_it_is_from_unless_the_address_is_told(run: Run) -> None:
    theirs = a_run(html_url="https://ghe.example/acme/web/actions/runs/100", repository={"id": 1})

    [build], _ = observed(run, theirs)
    [told], _ = observed(run, theirs, options=("--url", "https://api.github.com/repos/acme/web/actions/runs"))

    assert build["web_url"] == "https://ghe.example/acme/web/actions/runs/100"
    assert (told["web_url"], told["problems"]) == (None, ["html_url is no link to the provider, and was dropped"])


def test_a_file_may_be_pretty_printed_and_begin_with_a_mark(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("\ufeff" + json.dumps(a_run(), indent=2))

    result = run("observe", "github", str(path))

    assert json.loads(result.stdout)["external_id"] == "100"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("<html>\n<p>", "the file holds no complete JSON"),
        ('{\n"workflow_runs": [', "the file holds no complete JSON"),
        ('{"zen": 1}\n{"zen":', "line 2 holds no complete JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_said_in_words(run: Run, text: str, words: str) -> None:
    result = run("observe", "github", "-", stdin=text)

    assert result.exit_code == 1
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_no_text_of_a_provider_commands_the_terminal(run: Run) -> None:
    result = run("observe", "github", "-", stdin=json.dumps(a_run(head_branch="\u202ex\x1b[31m\x9b größe")))

    assert json.loads(result.stdout)["branch"] == "\u202ex\x1b[31m\x9b größe"
    assert result.stdout.rstrip("\n").isprintable()
    assert "größe" in result.stdout


def test_a_provider_nobody_knows_and_a_file_that_is_not_there_are_wrong_usage(run: Run) -> None:
    assert run("observe", "bamboo", "-").exit_code == 2
    assert run("observe", "github", "/no/such/file").exit_code == 2


@pytest.mark.parametrize("provider", ["github", "gitlab", "jenkins"])
@pytest.mark.parametrize("address", ["http://[x/job/a/1/", "ci.example.com", "https://"])
def test_an_address_that_is_none_is_wrong_usage_and_in_a_recording_it_is_left_out(
    run: Run, provider: str, address: str
) -> None:
    told = run("observe", provider, "-", "--url", address, stdin="{}")
    recorded = run("observe", provider, "-", stdin=json.dumps({"url": address, "status": 200, "body": a_run()}))

    assert told.exit_code == 2
    assert recorded.exception is None or isinstance(recorded.exception, SystemExit)
    assert "defect" not in recorded.stderr
