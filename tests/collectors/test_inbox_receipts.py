"""What becomes of single receipts: recorded, late, ignored with a reason, a reason to look, postponed."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from collectors.github import GitHubSettings
from collectors.gitlab import GitLabSettings
from collectors.inbox_fetches import WORKERS
from shared import credentials, leases, receipts, sources
from shared.clock import utc_now
from shared.config.settings import Config, ProviderSettings
from shared.events import Via
from shared.leases import Outcome
from shared.listener import Listener
from shared.receipt_queue import PURGED_AT_ONCE
from shared.recorder import record
from tests.api.stand import wait_for
from tests.collectors.receiving import a_delivery, an_inbox, end
from tests.factories import NOON, a_build, minutes

GITHUB = GitHubSettings(kind="github", name="github.com", watch=("acme/web",))
GITLAB = GitLabSettings(kind="gitlab", name="gitlab.test", base_url="http://127.0.0.1:9", watch=("acme/app",))


class Desk:
    """A database with two sources, an inbox, and what lies in it."""

    def __init__(self, engine: Engine, providers: tuple[ProviderSettings, ...] = (GITHUB, GITLAB)) -> None:
        self.engine = engine
        self.inbox = an_inbox(engine, providers)
        with Session(engine) as session, session.begin():
            sources.sync(session, Config(providers=providers), utc_now())
        self.run("""UPDATE sources SET baseline_at = clock_timestamp() - interval '40 days',
                           last_poll_at = clock_timestamp() - interval '1 minute',
                           next_poll_at = clock_timestamp() + interval '1 hour'""")

    def receive(
        self, body: object, event: str = "workflow_run", provider: str = "github", instance: str | None = None
    ) -> None:
        with Session(self.engine) as session, session.begin():
            receipts.store(session, [a_delivery(body, event=event, provider=provider, instance=instance)])

    def run(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    def rows(self, columns: str, table: str = "receipts ORDER BY id") -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM {table}"))]

    @property
    def is_due(self) -> bool:
        [(due,)] = self.rows(
            "next_poll_at < clock_timestamp() + interval '1 minute'", "sources WHERE scope = 'acme/web'"
        )
        return bool(due)


@pytest.fixture
def desk(database: Engine) -> Iterator[Desk]:
    desk = Desk(database)
    yield desk
    end(desk.inbox)


@pytest.fixture
def silent(database: Engine) -> Iterator[Desk]:
    """A desk with a second GitLab, `silent.test`, which takes a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        silent = GITLAB.model_copy(update={"name": "silent.test", "base_url": url})
        desk = Desk(database, (GITLAB, silent))
        yield desk
    end(desk.inbox)


def a_pipeline(number: int) -> dict[str, Any]:
    """A `pipeline` webhook of acme/app."""
    project = {"id": 7, "path_with_namespace": "acme/app"}
    return {"object_kind": "pipeline", "object_attributes": {"id": number}, "project": project}


def a_run(status: str, conclusion: str | None = None, *, after: float = 0, **overrides: Any) -> dict[str, Any]:
    """A `workflow_run` webhook of run 100 of acme/web."""
    stamp = (NOON + minutes(after)).isoformat().replace("+00:00", "Z")
    repository = {"id": 1, "full_name": "acme/web", "html_url": "https://github.com/acme/web", "default_branch": "main"}
    run = {
        "id": 100,
        "name": "ci",
        "workflow_id": 10,
        "run_attempt": 1,
        "run_number": 100,
        "status": status,
        "conclusion": conclusion,
        "head_branch": "main",
        "head_sha": "a" * 40,
        "created_at": "2026-11-20T12:00:00Z",
        "run_started_at": "2026-11-20T12:00:00Z",
        "updated_at": stamp,
        "repository": repository,
    }
    return {"action": "whatever", "workflow_run": run | overrides, "repository": repository}


def a_job(run_id: int = 100) -> dict[str, Any]:
    job = {"id": 1, "run_id": run_id, "run_attempt": 1, "status": "in_progress", "name": "test"}
    return {"workflow_job": job, "repository": {"id": 1, "full_name": "acme/web"}}


def test_each_receipt_tells_what_it_changed_and_whether_it_came_late(desk: Desk) -> None:
    for body in (a_run("completed", "failure", after=5), a_run("in_progress", after=1), a_run("queued")):
        desk.receive(body)

    desk.inbox.work()

    assert desk.rows("state, changed, is_late, at") == [
        ("done", 1, False, NOON + minutes(5)),
        ("done", 0, True, NOON + minutes(1)),
        ("done", 0, True, NOON),
    ]
    assert desk.rows("to_status, via, is_backfill", "events") == [("failed", "webhook", False)]


def test_a_webhook_that_a_poll_was_faster_than_is_not_late(desk: Desk) -> None:
    desk.receive(a_run("queued"))
    desk.inbox.work()
    desk.run("UPDATE receipts SET state = 'received', next_try_at = clock_timestamp()")
    desk.receive(a_run("queued", display_title="the same state in another body"))

    desk.inbox.work()

    assert desk.rows("changed, is_late")[-1] == (0, False)


def test_what_comes_before_the_first_collection_is_the_past(desk: Desk) -> None:
    desk.run("UPDATE sources SET baseline_at = NULL")
    desk.receive(a_run("completed", "failure", after=5))

    desk.inbox.work()

    assert desk.rows("is_backfill", "events") == [(True,)]


def test_a_repository_nobody_watches_is_ignored_with_its_name(desk: Desk) -> None:
    desk.receive(a_run("queued") | {"repository": {"id": 2, "full_name": "acme/other"}})

    desk.inbox.work()

    assert desk.rows("state, reason, body") == [("ignored", "acme/other is not watched", None)]


@pytest.mark.parametrize("name", ["Acme/Web", "acme/renamed"])
def test_a_repository_is_found_in_another_case_and_under_a_new_name(desk: Desk, name: str) -> None:
    desk.receive(a_run("queued"))
    desk.inbox.work()

    desk.receive(a_run("in_progress", after=1) | {"repository": {"id": 1, "full_name": name}})
    desk.inbox.work()

    assert desk.rows("state, changed")[-1] == ("done", 1)


def test_a_job_of_a_run_we_do_not_hold_makes_its_source_due(desk: Desk) -> None:
    desk.receive(a_job(), "workflow_job")

    desk.inbox.work()

    assert (desk.is_due, desk.rows("state, changed")) == (True, [("done", None)])


def test_a_job_of_a_run_we_hold_costs_nothing(desk: Desk) -> None:
    desk.receive(a_run("in_progress", after=1))
    desk.receive(a_job(), "workflow_job")

    desk.inbox.work()

    assert desk.is_due is False
    assert desk.rows("count(*)", "jobs") == [(0,)]


def test_a_job_does_not_shorten_the_pause_of_a_source_that_fails(desk: Desk) -> None:
    desk.run("UPDATE sources SET failures = 2")
    desk.receive(a_job(), "workflow_job")

    desk.inbox.work()

    assert desk.is_due is False


def test_a_job_heard_of_during_a_poll_makes_its_source_due_again_after_it(desk: Desk) -> None:
    desk.run("UPDATE sources SET next_poll_at = clock_timestamp()")
    with Session(desk.engine) as session, session.begin():
        [held] = leases.claim(session, "polling", ["github.com"], 1)
    desk.receive(a_job(), "workflow_job")

    desk.inbox.work()

    with Session(desk.engine) as session, session.begin():
        leases.release(session, held, Outcome(is_complete=True, wait_seconds=3600, interval_seconds=3600), None)
    assert desk.is_due is True


def test_a_poll_that_began_after_the_job_was_told_is_not_repeated_for_it(desk: Desk) -> None:
    desk.receive(a_job(), "workflow_job")
    desk.run("UPDATE sources SET next_poll_at = clock_timestamp()")
    with Session(desk.engine) as session, session.begin():
        [held] = leases.claim(session, "polling", ["github.com"], 1)

    desk.inbox.work()

    with Session(desk.engine) as session, session.begin():
        leases.release(session, held, Outcome(is_complete=True, wait_seconds=3600, interval_seconds=3600), None)
    assert desk.is_due is False


def test_a_push_moves_its_branch(desk: Desk) -> None:
    repository = {"id": 1, "full_name": "acme/web", "pushed_at": 1_763_640_000}
    desk.receive({"ref": "refs/heads/main", "after": "b" * 40, "before": "a" * 40, "repository": repository}, "push")

    desk.inbox.work()

    assert desk.rows("name, head_sha", "branches") == [("main", "b" * 40)]
    assert desk.rows("state") == [("done",)]


def test_a_credential_that_rests_postpones_a_fetch_and_costs_no_try(desk: Desk) -> None:
    with Session(desk.engine) as session, session.begin():
        instance = int(session.scalar(text("SELECT id FROM instances WHERE name = 'gitlab.test'")) or 0)
        name = credentials.name_of("gitlab.test", None)
        credentials.block(session, name, instance, utc_now() + timedelta(minutes=5))
    project = {"id": 7, "path_with_namespace": "acme/app"}
    desk.receive({"object_kind": "pipeline", "object_attributes": {"id": 1}, "project": project}, provider="gitlab")

    desk.inbox.work()
    wait_for(lambda: desk.rows("state") == [("received",)])

    [(tries, reason, is_later)] = desk.rows("tries, reason, next_try_at > clock_timestamp() + interval '4 minutes'")
    assert (tries, is_later) == (0, True)
    assert "gitlab.test is left alone until" in reason


def test_a_provider_that_does_not_answer_is_asked_again_later(desk: Desk) -> None:
    project = {"id": 7, "path_with_namespace": "acme/app"}
    desk.receive({"object_kind": "pipeline", "object_attributes": {"id": 1}, "project": project}, provider="gitlab")

    desk.inbox.work()
    wait_for(lambda: desk.rows("state") == [("received",)], 30)

    assert desk.rows("tries, next_try_at > clock_timestamp() + interval '5 seconds'") == [(1, True)]


def test_one_build_that_cannot_be_stored_does_not_hold_up_the_others(desk: Desk) -> None:
    desk.run("ALTER TABLE builds ADD CONSTRAINT no_poison CHECK (branch <> 'poison')")
    for number in range(5):
        desk.receive(a_run("queued", id=number + 1, head_branch="poison" if number == 2 else "main"))

    desk.inbox.work()

    assert desk.rows("state, changed, tries") == [
        ("done", 1, 1),
        ("done", 1, 1),
        ("received", None, 1),
        ("done", 1, 1),
        ("done", 1, 1),
    ]
    [(reason,)] = desk.rows("reason", "receipts WHERE state = 'received'")
    assert "it could not be stored" in reason


@pytest.mark.parametrize("code", ["54000", "42883", "XX000"])  # operational, programming, internal
def test_whatever_one_build_breaks_the_others_are_recorded(desk: Desk, code: str) -> None:
    desk.run(f"""
        CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$""")
    desk.run("""CREATE TRIGGER poison BEFORE INSERT ON builds FOR EACH ROW WHEN (NEW.branch = 'poison')
                EXECUTE FUNCTION break_off()""")
    for number in range(5):
        desk.receive(a_run("queued", id=number + 1, head_branch="poison" if number == 2 else "main"))

    desk.inbox.work()

    assert [row[:2] for row in desk.rows("state, tries")] == [
        ("done", 1),
        ("done", 1),
        ("received", 1),
        ("done", 1),
        ("done", 1),
    ]
    [(reason, is_later)] = desk.rows(
        "reason, next_try_at > clock_timestamp() + interval '5 seconds'", "receipts WHERE state = 'received'"
    )
    assert is_later is True
    assert "it could not be stored" in reason


def test_what_an_outage_broke_off_is_begun_again_as_soon_as_the_database_is_back(desk: Desk) -> None:
    desk.run("CREATE SEQUENCE refused")  # counts although what it counts is rolled back
    desk.run("""
        CREATE FUNCTION be_away() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM nextval('refused'); RAISE EXCEPTION 'away' USING ERRCODE = '57P01'; END $$""")
    desk.run("CREATE TRIGGER away BEFORE INSERT ON builds FOR EACH ROW EXECUTE FUNCTION be_away()")
    desk.run("""CREATE TRIGGER away BEFORE UPDATE ON receipts FOR EACH ROW WHEN (NEW.state = 'received')
                EXECUTE FUNCTION be_away()""")
    desk.receive(a_run("queued"))
    desk.inbox.start()
    wait_for(lambda: desk.rows("last_value >= 4", "refused") == [(True,)], 20)  # three inserts, one giving back

    for table in ("builds", "receipts"):
        desk.run(f"DROP TRIGGER away ON {table}")

    wait_for(lambda: desk.rows("state, tries") == [("done", 1)], 20)


class Falling(Listener):
    """One whose first wait breaks in a way nobody foresaw."""

    has_fallen = False

    def wait(self, timeout_seconds: float) -> bool:
        if not self.has_fallen:
            self.has_fallen = True
            raise ValueError("unforeseen")
        return super().wait(timeout_seconds)


def test_an_inbox_goes_on_after_something_unforeseen(desk: Desk) -> None:
    url = desk.engine.url.render_as_string(hide_password=False)
    listener = Falling(url, application="test", channel=receipts.CHANNEL)
    inbox = an_inbox(desk.engine, (GITHUB,), listener=listener)
    inbox.start()
    wait_for(lambda: listener.has_fallen)

    desk.receive(a_run("queued"))

    wait_for(lambda: desk.rows("state") == [("done",)])
    end(inbox)


def test_a_provider_that_never_answers_holds_up_no_other(silent: Desk) -> None:
    for number in range(2 * WORKERS):
        silent.receive(a_pipeline(number), provider="gitlab", instance="silent.test")
    silent.receive(a_pipeline(1), provider="gitlab")

    silent.inbox.work()

    answered = "receipts r JOIN instances i ON i.id = r.instance_id WHERE i.name = 'gitlab.test'"
    wait_for(lambda: silent.rows("state", answered) == [("received",)], 8)


def test_what_waits_for_its_turn_is_held_until_then(silent: Desk) -> None:
    for number in range(2 * WORKERS):
        silent.receive(a_pipeline(number), provider="gitlab", instance="silent.test")
    silent.inbox.work()
    silent.run("UPDATE receipts SET lease_until = clock_timestamp() + interval '1 second'")

    def held_for_long() -> int:
        silent.inbox.work()
        [(held,)] = silent.rows("count(*)", "receipts WHERE lease_until > clock_timestamp() + interval '30 seconds'")
        return int(held)

    wait_for(lambda: held_for_long() >= WORKERS, 5)


def test_a_purge_leaves_nothing_that_is_too_old(desk: Desk) -> None:
    desk.run(f"""
        INSERT INTO receipts (instance_id, kind, body_sha256, state, received_at)
        SELECT i.id, 'push', decode(lpad(to_hex(n), 64, '0'), 'hex'), 'done', clock_timestamp() - interval '31 days'
        FROM generate_series(1, {2 * PURGED_AT_ONCE + 1}) n, instances i WHERE i.name = 'github.com'""")

    desk.inbox.purge()

    assert desk.rows("count(*)", "receipts") == [(0,)]


def test_receipts_of_a_dead_inbox_are_taken_over(desk: Desk) -> None:
    desk.receive(a_run("queued"))
    desk.run("""UPDATE receipts SET state = 'processing', fence = 7, lease_owner = 'dead',
                       lease_until = clock_timestamp() - interval '1 second'""")

    desk.inbox.work()

    assert desk.rows("state, changed, fence") == [("done", 1, 8)]


def test_a_receipt_that_never_came_to_an_end_is_parked(desk: Desk) -> None:
    desk.receive(a_run("queued"))
    desk.run("UPDATE receipts SET tries = 5")

    desk.inbox.work()

    [(state, reason)] = desk.rows("state, reason")
    assert (state, reason) == ("parked", "given up after 5 tries, none of which came to an end")


def test_a_webhook_and_a_poll_that_saw_the_same_are_one_event(desk: Desk) -> None:
    [(instance, source)] = desk.rows("instance_id, id", "sources WHERE scope = 'acme/web'")
    with Session(desk.engine) as session, session.begin():
        build = a_build("queued", external_id="100", raw_status="queued")
        record(session, [build], instance_id=instance, source_id=source, is_backfill=False, via=Via.POLL)
    desk.receive(a_run("queued"))

    desk.inbox.work()

    assert desk.rows("via", "events") == [("poll",)]
    assert desk.rows("changed, is_late") == [(0, False)]
