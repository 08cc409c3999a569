"""Logs on demand, end to end: asked for through the API, fetched by the scheduler's part, masked, stored, served."""

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from collectors import COLLECTORS
from collectors.logs import KEPT_DAYS, PURGE_LOGS, LogFetcher
from shared import log_requests, stored_logs
from shared.log_requests import Wanted
from tests.collectors.log_stand import (
    ATTEMPT_LOG,
    JOB_LOG,
    TOKEN,
    LogStand,
    a_zip,
    github,
    plain,
    wait_until,
)
from tests.factories import NOON, a_build, a_job, minutes
from tests.loopback import Heard, reply
from tests.stored_logs import a_log

GITHUB_SHAPE = "ghp_" + "a1B2" * 9
TEXT = f"2026-11-20T12:00:00Z make test\ntoken {GITHUB_SHAPE} and {TOKEN} here\n\x1b[31mfailed\x1b[0m <script>\n"


def test_a_log_is_fetched_once_and_served_twice(database: Engine) -> None:
    with github(database, lambda _: plain(TEXT)) as (stand, api, storage):
        first, second = stand.job_log(), stand.job_log()

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.data == second.data
    assert "make test" in first.text
    assert [heard.target for heard in api.heard] == [JOB_LOG]
    assert len(storage.heard) == 1


def test_secrets_are_in_neither_the_answer_nor_the_table(database: Engine) -> None:
    with github(database, lambda _: plain(TEXT)) as (stand, _, _):
        answer = stand.job_log()
        stored = stand.stored_text()

    assert answer.headers["X-Log-Masked"] == "2"
    for text in (answer.data, stored):
        assert TOKEN.encode() not in text
        assert GITHUB_SHAPE.encode() not in text
        assert b"token [secret] and [secret] here" in text


def test_the_storage_is_asked_without_any_credential(database: Engine) -> None:
    with github(database, lambda _: plain(TEXT)) as (stand, api, storage):
        stand.job_log()

    assert api.heard[0].headers["authorization"] == f"Bearer {TOKEN}"
    (asked,) = storage.heard
    assert not {"authorization", "cookie", "private-token", "x-github-api-version"} & set(asked.headers)
    assert TOKEN not in str(asked.headers)


def test_a_redirect_to_a_host_that_is_not_allowed_is_not_followed(database: Engine) -> None:
    def elsewhere(heard: Heard, _storage: str) -> bytes:
        return plain(b"", 302, Location="http://localhost:1/take?sig=secret-signature")

    with github(database, lambda _: plain(TEXT), elsewhere) as (stand, _, storage):
        answer = stand.job_log()

    assert answer.status_code == 502
    assert "leads to another host (http://localhost:1)" in answer.get_json()["detail"]
    assert "log_hosts" in answer.get_json()["detail"]
    assert "secret-signature" not in answer.text
    assert storage.heard == []


def test_the_whole_attempt_is_one_zip_and_one_text(database: Engine) -> None:
    entries = {"1_buildlinux.txt": "linux\n", "0_test.txt": "tested\n", "test/1_step.txt": "a step once more\n"}
    with github(database, lambda _: plain(a_zip(entries), content_type="application/zip")) as (stand, api, _):
        whole = stand.whole_log()
        one = stand.job_log("1001")

    assert whole.text == "==> test <==\ntested\n\n==> build / linux <==\nlinux\n"
    assert one.text == "linux\n", "a job's log that came with its attempt is not fetched again"
    assert [heard.target for heard in api.heard] == [ATTEMPT_LOG]


def test_what_the_provider_no_longer_has_is_said_and_not_asked_for_again(database: Engine) -> None:
    def gone(_heard: Heard, _storage: str) -> bytes:
        return reply({"message": "the logs for this run have expired"}, 410)

    with github(database, lambda _: b"", gone) as (stand, api, _):
        answers = [stand.job_log() for _ in range(3)]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert "keeps logs 90 days" in answers[0].get_json()["detail"]
    assert "have expired" in answers[0].get_json()["detail"]
    assert len(api.heard) == 1


def test_a_log_that_is_not_there_yet_is_no_lost_log(database: Engine) -> None:
    answers = [reply({"message": "Not Found"}, 404), plain("late\n")]

    def late(_heard: Heard, _storage: str) -> bytes:
        return answers.pop(0)

    with github(database, lambda _: b"", late) as (stand, _, _):
        stand.world.run("UPDATE jobs SET is_finished = false, finished_at = NULL, status = 'running'")
        early = stand.job_log()
        stand.world.run("UPDATE jobs SET is_finished = true, finished_at = now(), status = 'succeeded'")
        stand.let_be_asked_again()
        later = stand.job_log()

    assert early.status_code == 502
    assert "it has not finished" in early.get_json()["detail"]
    assert int(early.headers["Retry-After"]) <= 30
    assert later.text == "late\n"


def test_a_trouble_of_the_provider_is_told_with_the_time_to_come_back(database: Engine) -> None:
    with github(database, lambda _: b"", lambda *_: reply({}, 429, {"Retry-After": "120"})) as (stand, api, _):
        first = stand.job_log()
        second = stand.whole_log()

    assert (first.status_code, second.status_code) == (502, 502)
    assert 100 <= int(first.headers["Retry-After"]) <= 120
    assert "limits its requests" in second.get_json()["detail"]
    assert len(api.heard) == 1, "a blocked credential is left alone"


def test_a_web_page_is_no_log(database: Engine) -> None:
    with github(database, lambda _: plain("<h1>Sign in</h1>", content_type="text/html")) as (stand, _, _):
        answer = stand.job_log()

    assert answer.status_code == 502
    assert "web page" in answer.get_json()["detail"]
    assert stand.stored_text() == b""


def test_a_zip_bomb_is_refused_in_words_and_stored_nowhere(database: Engine) -> None:
    bomb = a_zip({"0_test.txt": b"\0" * 30_000_000})
    with github(database, lambda _: plain(bomb, content_type="application/zip")) as (stand, _, _):
        answer = stand.whole_log()

    assert answer.status_code == 502
    assert "inflates more than 200 times" in answer.get_json()["detail"]
    assert stand.stored_text() == b""


def test_names_in_a_zip_are_labels_and_never_paths(database: Engine, tmp_path: Path) -> None:
    entries = {"../../../../tmp/evil.txt": "out\n", "/etc/0_passwd.txt": "root\n", "..\\1_win.txt": "back\n"}
    with github(database, lambda _: plain(a_zip(entries), content_type="application/zip")) as (stand, _, _):
        answer = stand.whole_log()

    assert answer.status_code == 200
    assert "back\n" in answer.text
    assert not Path("/tmp/evil.txt").exists()
    assert "/" not in answer.headers["Content-Disposition"]


def test_a_log_that_grows_is_fetched_anew(database: Engine) -> None:
    texts = ["first\n", "first\nsecond\n"]
    with github(database, lambda _: plain(texts[0] if len(texts) > 1 else texts[-1])) as (stand, _, _):
        stand.world.run("UPDATE jobs SET is_finished = false, finished_at = NULL, status = 'running'")
        before = stand.job_log()
        texts.pop(0)
        unchanged = stand.job_log()
        stand.world.run("UPDATE jobs SET is_finished = true, finished_at = now(), status = 'succeeded'")
        stand.let_be_asked_again()
        after = stand.job_log()

    assert (before.text, before.headers["X-Log-Complete"]) == ("first\n", "false")
    assert unchanged.text == "first\n", "not sooner than its time"
    assert (after.text, after.headers["X-Log-Complete"]) == ("first\nsecond\n", "true")


def test_what_ended_while_its_log_was_fetched_is_fetched_anew_at_once(database: Engine) -> None:
    texts = ["first\n", "first\nsecond\n"]
    stands: list[LogStand] = []

    def storage(_: Heard) -> bytes:
        stands[0].world.run("UPDATE jobs SET is_finished = true, finished_at = now(), status = 'succeeded'")
        return plain(texts.pop(0) if len(texts) > 1 else texts[0])

    with github(database, storage) as (stand, _, kept):
        stands.append(stand)
        stand.world.run("UPDATE jobs SET is_finished = false, finished_at = NULL, status = 'running'")
        before = stand.job_log()
        after, again = stand.job_log(), stand.job_log()

    assert (before.text, before.headers["X-Log-Complete"]) == ("first\n", "false")
    assert (after.text, after.headers["X-Log-Complete"]) == ("first\nsecond\n", "true")
    assert (again.text, len(kept.heard)) == (after.text, 2)


def test_an_attempt_that_changed_after_its_log_was_stored_is_read_again(database: Engine) -> None:
    texts = [{"0_test.txt": "one\n"}, {"0_test.txt": "one\n", "1_deploy.txt": "two\n"}]
    with github(database, lambda _: plain(a_zip(texts[0]), content_type="application/zip")) as (stand, api, _):
        before = stand.whole_log()
        texts.pop(0)
        deployed = a_build(
            "failed", updated_at=NOON + minutes(60), jobs=(a_job(), a_job(external_id="7", name="deploy"))
        )
        stand.world.record(deployed)
        after = stand.whole_log()

    assert before.text == "one\n"
    assert "two\n" in after.text
    assert len(api.heard) == 2


def test_a_cut_log_says_so_and_leaks_no_half_of_a_secret(database: Engine) -> None:
    line = b"0123456789 " * 9 + b"\n"
    head = line * (20 * 1024 * 1024 // len(line))
    text = head[: 20 * 1024 * 1024 - 13] + b" " + GITHUB_SHAPE.encode() + b"\n" + line * 100
    with github(database, lambda _: plain(text)) as (stand, _, _):
        answer = stand.job_log()

    assert answer.headers["X-Log-Truncated"] == "true"
    assert answer.data.rstrip().endswith(b"bytes]")
    assert b"ghp_" not in answer.data[-70_000:]
    assert len(answer.data) < 21 * 1024 * 1024


def test_a_log_that_was_kept_for_its_time_is_deleted_and_asked_for_anew(database: Engine) -> None:
    with github(database, lambda _: plain(TEXT)) as (stand, api, _):
        stand.job_log()
        grow_old(stand, KEPT_DAYS)
        restarted = LogFetcher(database, (stand.settings,), COLLECTORS, owner="here/1/2/restarted")
        restarted.fetch_wanted_logs()
        restarted.stop()
        left = stand.stored_text()
        again = stand.job_log()

    assert left == b""
    assert "make test" in again.text
    assert [heard.target for heard in api.heard] == [JOB_LOG, JOB_LOG]


def test_old_logs_are_deleted_batch_after_batch_and_then_not_looked_for_within_the_hour(database: Engine) -> None:
    with github(database, lambda _: plain(TEXT)) as (stand, _, _):
        pass
    for batch in range(2):
        keep(stand, range(batch * PURGE_LOGS, (batch + 1) * PURGE_LOGS))
    grow_old(stand, KEPT_DAYS)
    fetcher = LogFetcher(database, (stand.settings,), COLLECTORS, owner="here/1/2/restarted")

    counts = []
    for _ in range(3):
        fetcher.fetch_wanted_logs()
        counts.append(stand.world.ask("SELECT count(*) FROM logs"))
    keep(stand, range(1))
    grow_old(stand, KEPT_DAYS)
    fetcher.fetch_wanted_logs()
    fetcher.stop()

    assert counts == [PURGE_LOGS, 0, 0]
    assert stand.world.ask("SELECT count(*) FROM logs") == 1


def keep(stand: LogStand, builds: Iterable[int]) -> None:
    """One stored log of each of so many further builds."""
    for number in builds:
        stand.world.record(a_build(external_id=f"kept {number}"))
        build_id = stand.world.ask("SELECT max(id) FROM builds WHERE external_id = :it", it=f"kept {number}")
        with Session(stand.world.engine) as session, session.begin():
            stored_logs.store(session, build_id, 1, [a_log()])


def grow_old(stand: LogStand, days: int) -> None:
    """Let everything about logs have happened so much earlier, and the attempts be known since before that."""
    for table, column in (("logs", "stored_at"), ("log_requests", "settled_at"), ("attempts", "recorded_at")):
        stand.world.run(f"UPDATE {table} SET {column} = {column} - make_interval(days => :days)", days=days)


def test_whoever_died_fetching_leaves_a_request_that_the_next_one_answers(database: Engine) -> None:
    with github(database, lambda _: plain(TEXT)) as (stand, _, _):
        wanted = Wanted(stand.build_id(), 1, "1000")
        with Session(database) as session, session.begin():
            log_requests.request(session, wanted)
            dead = log_requests.claim(session, "here/1/2/dead", "github.com")
        stand.world.run("UPDATE log_requests SET lease_until = clock_timestamp() - interval '1 second'")
        answer = stand.job_log()

    assert dead is not None
    assert answer.status_code == 200
    assert stand.world.ask("SELECT fence FROM log_requests") == 2


def test_a_process_that_stops_gives_its_request_back(database: Engine) -> None:
    with github(database, lambda _: plain(TEXT)) as (stand, _, _):
        pass
    stand.get(f"/api/builds/{stand.build_id()}/log?job={stand.job_id()}&wait=0")
    with database.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE log_requests SET state = 'fetching', lease_owner = 'here/1/2/test', "
            "lease_until = now() + interval '1 minute'"
        )

    stand.fetcher.stop()

    assert stand.state() == "requested"


def test_requests_of_an_instance_nobody_collects_are_given_up_in_words(database: Engine) -> None:
    with github(database, lambda _: plain(TEXT)) as (stand, _, _):
        stand.world.run("UPDATE instances SET name = 'forgotten'")
        assert stand.get(f"/api/builds/{stand.build_id()}/log?wait=0").status_code == 202
        stand.world.run("UPDATE log_requests SET requested_at = now() - interval '2 minutes'")
        wait_until(lambda: stand.state() == "failed")
        answer = stand.whole_log()

    assert answer.status_code == 502
    assert "no scheduler collects from forgotten" in answer.get_json()["detail"]
