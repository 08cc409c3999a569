"""GitLab's traces and Jenkins' consoles, end to end: what is asked, with which credential, and what is said."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine

from collectors.gitlab import GitLabSettings
from collectors.jenkins import JenkinsSettings
from tests.collectors import gitlab_rows
from tests.collectors.gitlab_rows import Row, a_pipeline
from tests.collectors.gitlab_server import Server
from tests.collectors.log_stand import TOKEN, LogStand, a_token, fetching, log_stand, plain
from tests.factories import a_job
from tests.loopback import Heard, Loopback, reply

JENKINS_BUILD = "team/app/feature%2Fx/12@1795176000000"
JENKINS_PATH = "/job/team/job/app/job/feature%252Fx/12"


@contextmanager
def gitlab(engine: Engine, server: Loopback) -> Iterator[LogStand]:
    settings = GitLabSettings(kind="gitlab", name="gitlab.com", base_url=server.url, token=a_token())
    with fetching(log_stand(engine, settings, scope="group/web")) as stand:
        yield stand


@contextmanager
def jenkins(engine: Engine, server: Loopback) -> Iterator[LogStand]:
    settings = JenkinsSettings(kind="jenkins", name="ci", base_url=server.url, username="robot", token=a_token())
    stages = (a_job(external_id="6", name="Build"), a_job(external_id="11", name="Test"))
    with fetching(log_stand(engine, settings, "team", external_id=JENKINS_BUILD, jobs=stages)) as stand:
        yield stand


def test_a_gitlab_jobs_trace_is_read_with_its_own_header(database: Engine) -> None:
    trace = f"\x1b[0Ksection_start:1:x\r\x1b[0Krun GR1348941abcdefghijklmnopqrst {TOKEN}\n"
    with Loopback(lambda _: plain(trace)) as server, gitlab(database, server) as stand:
        answer = stand.job_log()

    (heard,) = server.heard
    assert heard.target == "/api/v4/projects/group%2Fweb/jobs/1000/trace"
    assert heard.headers["private-token"] == TOKEN
    assert answer.text == "\x1b[0Ksection_start:1:x\r\x1b[0Krun [secret] [secret]\n"


def test_an_erased_gitlab_log_is_gone(database: Engine) -> None:
    with Loopback(lambda _: plain("")) as server, gitlab(database, server) as stand:
        answer = stand.job_log()

    assert answer.status_code == 404
    assert "erased" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("jobs", "told"),
    [
        ([], "this pipeline never had a job"),
        ([gitlab_rows.a_job(status="skipped", started_at=None, finished_at=None)], "none of this pipeline's jobs"),
    ],
)
def test_a_gitlab_pipeline_in_which_nothing_ran_says_so_at_once(
    database: Engine, jobs: Sequence[Row], told: str
) -> None:
    failed = Server(a_pipeline("failed", started_at=None, duration=None), jobs=jobs)
    with Loopback(failed) as server, gitlab(database, server) as stand:
        stand.world.run("UPDATE attempts SET finished_at = clock_timestamp()")
        answer = stand.whole_log()

    assert answer.status_code == 404
    assert f"There is no log: {told}" in answer.get_json()["detail"]


def test_a_gitlab_pipeline_whose_logs_were_all_erased_does_not_say_that_it_printed_nothing(database: Engine) -> None:
    far = Server(a_pipeline(), jobs=[gitlab_rows.a_job()])

    def erased(heard: Heard) -> bytes:
        return plain("") if heard.target.endswith("/trace") else far(heard)

    with Loopback(erased) as server, gitlab(database, server) as stand:
        stand.world.run("UPDATE attempts SET finished_at = clock_timestamp() - interval '2 hours'")
        answer = stand.whole_log()

    assert answer.status_code == 404
    assert "their logs were erased" in answer.get_json()["detail"]


def test_a_jenkins_console_is_one_log_for_the_build(database: Engine) -> None:
    def answer(heard: Heard) -> bytes:
        if heard.target.startswith(f"{JENKINS_PATH}/api/json"):
            return reply({"timestamp": 1_795_176_000_000})
        return plain("Started by user\napi token 11" + "ab" * 16 + "\n")

    with Loopback(answer) as server, jenkins(database, server) as stand:
        whole = stand.whole_log()
        by_name = stand.get("/api/logs/jenkins/team/app/feature%252Fx/12@1795176000000")
        stage = stand.job_log("6")

    assert whole.text == by_name.text == "Started by user\napi token [secret]\n"
    assert whole.headers["X-Log-Complete"] == "true"
    assert [heard.target for heard in server.heard] == [
        f"{JENKINS_PATH}/api/json?tree=timestamp",
        f"{JENKINS_PATH}/logText/progressiveText?start=0",
    ]
    assert stage.status_code == 404
    assert "one log for the whole build" in stage.get_json()["detail"]


def test_a_jenkins_console_that_grows_is_not_complete(database: Engine) -> None:
    def answer(heard: Heard) -> bytes:
        if "api/json" in heard.target:
            return reply({"timestamp": 1_795_176_000_000})
        return plain("so far\n", X_More_Data="true", X_Text_Size="7")

    with Loopback(answer) as server, jenkins(database, server) as stand:
        growing = stand.whole_log()

    assert (growing.text, growing.headers["X-Log-Complete"]) == ("so far\n", "false")


def test_the_console_of_a_recreated_job_is_not_taken_for_the_old_ones(database: Engine) -> None:
    with Loopback(lambda _: reply({"timestamp": 1_795_999_000_000})) as server, jenkins(database, server) as stand:
        answer = stand.whole_log()

    assert answer.status_code == 404
    assert "made anew" in answer.get_json()["detail"]
    assert len(server.heard) == 1


def test_a_jenkins_build_that_was_rotated_away_is_gone(database: Engine) -> None:
    with Loopback(lambda _: plain("<html>", 404, "text/html")) as server, jenkins(database, server) as stand:
        answer = stand.whole_log()

    assert answer.status_code == 404
    assert "rotated away" in answer.get_json()["detail"]
