"""`status` for people, for programs, and on a terminal."""

import json
import os
import pty
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cli.status import headline, look
from cli.table import age, print_rows, table_lines
from shared import backfills, sources
from shared.clock import utc_now
from shared.collector_errors import ErrorKind, note
from shared.config.settings import Config, ProviderSettings
from shared.recorder import record
from tests.cli.conftest import Run
from tests.factories import NOON, a_build
from tests.told import a_delivery

PROVIDER = ProviderSettings(kind="github", name="github.com", base_url="https://api.github.com", watch=("acme/web",))


@pytest.fixture
def history(database: Engine) -> None:
    """One source reached just now, one build failed and one running, a scheduler that lives."""
    now = utc_now()
    with Session(database) as session, session.begin():
        sources.sync(session, Config(providers=(PROVIDER,)), now)
        row = session.execute(text("UPDATE sources SET last_ok_at = now() RETURNING id, instance_id")).one()
        builds = [
            a_build("failed", external_id="1", queued_at=now - timedelta(hours=1)),
            a_build("running", external_id="2", queued_at=now - timedelta(minutes=1)),
        ]
        record(session, builds, instance_id=row.instance_id, source_id=row.id, is_backfill=False)
        session.execute(
            text("INSERT INTO processes (id, kind, host, pid, version) VALUES ('a', 'scheduler', 'ci-1', 7, '0.1')")
        )


def test_status_is_lines_with_tabs_named_by_their_section(run: Run, history: None, database_url: str) -> None:
    result = run("status", DATABASE_URL=database_url)

    lines = [line.split("\t") for line in result.output.splitlines()]
    assert result.exit_code == 0, result.output
    assert lines[0][:4] == ["sources", "github.com:acme/web", "default", "fresh"]
    assert [line[1:] for line in lines if line[0] == "builds"] == [
        ["running", "1", "now"],
        ["queued", "0", "now"],
        ["blocked", "0", "now"],
        ["succeeded", "0", "last 24 h"],
        ["failed", "1", "last 24 h"],
        ["timed_out", "0", "last 24 h"],
        ["cancelled", "0", "last 24 h"],
        ["skipped", "0", "last 24 h"],
        ["unknown", "0", "last 24 h"],
    ]
    assert lines[-1][:5] == ["processes", "scheduler", "ci-1", "7", "alive"]


def test_status_is_one_json_document(run: Run, history: None, database_url: str) -> None:
    document = json.loads(run("status", "--json", DATABASE_URL=database_url).stdout)

    assert document["builds"]["running"] == 1
    assert [source["is_stale"] for source in document["sources"]] == [False]
    assert [process["is_alive"] for process in document["processes"]] == [True]


def test_a_terminal_gets_tables(history: None, database_url: str) -> None:
    ours, theirs = pty.openpty()
    environ = os.environ | {"DATABASE_URL": database_url, "NO_COLOR": "1", "COLUMNS": "120", "TERM": "xterm"}

    done = subprocess.run([sys.executable, "-m", "cli.main", "status"], stdout=theirs, check=False, env=environ)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)

    assert done.returncode == 0
    assert "github.com:acme/web" in shown
    assert "last contact" in shown
    assert "last 24 h" in shown
    assert "default" not in shown
    assert "\t" not in shown
    assert "\x1b[3" not in shown


def test_a_cell_cannot_begin_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows("builds", ("name",), [("main\nbuilds\tforged\x1b[31m",)])

    assert capsys.readouterr().out == "builds\tmain builds forged [31m\n"


REMARKED = ("source", "state", "remark")
ROWS = [("github.com:a/very-long-name", "failing", "github.com:443: cannot be reached: Connection refused " * 3)]


@pytest.mark.parametrize("width", [30, 80, 109])
def test_in_a_narrow_window_the_remark_stands_under_its_row(width: int) -> None:
    head, row, *remark = table_lines(REMARKED, ROWS, width=width)

    assert head.split() == ["source", "state"]
    assert row.split() == ["github.com:a/very-long-name", "failing"]
    assert all(line.startswith("    ") and len(line) <= width for line in remark)
    assert " ".join(remark).split() == ROWS[0][2].split()


def test_in_a_wide_window_the_remark_is_folded_between_words_in_its_column() -> None:
    head, row, *more = table_lines(REMARKED, ROWS, width=120)

    column = head.index("remark")
    assert row[:column].split() == ["github.com:a/very-long-name", "failing"]
    assert all(not line[:column].strip() and len(line) <= 120 for line in more)
    assert " ".join(line[column:] for line in (row, *more)).split() == ROWS[0][2].split()


def test_a_source_is_failing_from_its_first_failure(
    run: Run, history: None, database: Engine, database_url: str
) -> None:
    with Session(database) as session, session.begin():
        session.execute(text("UPDATE sources SET failures = 2, last_error = 'no way'"))

    line = run("source", "list", DATABASE_URL=database_url).output.splitlines()[0].split("\t")

    assert (line[3], line[-1]) == ("failing (2\N{MULTIPLICATION SIGN})", "no way")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"),
        (0.9, "now"),
        (-0.9, "now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7300, "2 h ago"),
        (200_000, "2 d ago"),
        (-90, "in 1 min"),
    ],
)
def test_an_age_is_said_in_one_unit(seconds: float, words: str) -> None:
    assert age(NOON - timedelta(seconds=seconds), NOON) == words


def test_what_never_happened_has_no_age() -> None:
    assert age(None, NOON) == "never"


SECTIONS = {"errors", "parked webhooks", "backfills", "receivers"}


@pytest.fixture
def troubles(history: None, database: Engine) -> None:
    """The source fails, a webhook is parked, a backfill is under way, a receiver is off."""
    with Session(database) as session, session.begin():
        (source, instance) = session.execute(text("SELECT id, instance_id FROM sources")).one()
        session.execute(text("UPDATE sources SET failures = 3, last_ok_at = now() - interval '3 minutes'"))
        for _ in range(3):
            note(session, source, ErrorKind.UNAVAILABLE, "502 from the provider")
        session.execute(
            text(
                "INSERT INTO collector_errors (source_id, kind, example, last_seen_at) "
                "VALUES (:source, 'other', 'long ago', now() - interval '2 days')"
            ),
            {"source": source},
        )
        session.execute(
            text(
                "INSERT INTO receipts (instance_id, kind, body_sha256, state, reason) "
                "VALUES (:instance, 'push', 'x', 'parked', 'given up after 5 tries')"
            ),
            {"instance": instance},
        )
        now = utc_now()
        backfills.request(session, source, now - timedelta(days=90), now)
        session.execute(
            text("INSERT INTO receivers (name, origin, settings) VALUES ('ops', 'file', '{\"kind\": \"slack\"}')")
        )
        session.execute(
            text(
                "INSERT INTO receiver_states (receiver, off_since, off_reason) "
                "VALUES ('ops', now(), 'Slack answered 404 no_service')"
            )
        )


def test_troubles_are_sections_of_their_own(run: Run, troubles: None, database_url: str) -> None:
    result = run("status", DATABASE_URL=database_url)

    lines = [line.split("\t") for line in result.output.splitlines()]
    found = {line[0]: line[1:] for line in lines if line[0] in SECTIONS}
    assert found == {
        "errors": ["github.com:acme/web", "unavailable", "3", "now", "502 from the provider"],
        "parked webhooks": ["github.com", "1", "now", "given up after 5 tries"],
        "backfills": ["github.com:acme/web", "waiting", "0%", "0", ""],
        "receivers": ["ops", "slack", "off", "never", "Slack answered 404 no_service"],
    }


def test_one_line_says_it_all(troubles: None, database: Engine) -> None:
    with Session(database) as session:
        words = headline(look(session, utc_now()))

    assert words == (
        "1 source, 1 stale; 1 kind of errors in the last 24 h; 1 webhook parked; 1 backfill under way; "
        "1 receiver switched off"
    )


def test_a_receiver_that_does_not_take_its_messages_is_said_so(
    troubles: None, run: Run, database: Engine, database_url: str
) -> None:
    a_delivery(database, receiver="ops", state="pending", tries=3, last_error="mail:25 could not be reached")
    with database.begin() as connection:
        connection.execute(text("UPDATE receiver_states SET off_since = NULL, off_reason = NULL"))

    shown = run("status", DATABASE_URL=database_url).output
    with Session(database) as session:
        words = headline(look(session, utc_now()))

    remark = "mail:25 could not be reached; after 3 tries it is tried again"
    assert f"receivers\tops\tslack\tfailing\tnever\t{remark}\n" in shown
    assert words.endswith("; 1 receiver failing")


def test_one_line_says_that_nobody_collects(history: None, database: Engine) -> None:
    with Session(database) as session:
        session.execute(text("DELETE FROM processes"))
        words = headline(look(session, utc_now()))

    assert words == "no scheduler runs; 1 source, none stale"


def test_programs_get_the_troubles_too(run: Run, troubles: None, database_url: str) -> None:
    document = json.loads(run("status", "--json", DATABASE_URL=database_url).stdout)

    assert [(error["kind"], error["count"]) for error in document["errors"]] == [("unavailable", 3)]
    assert [(one["instance"], one["receipts"]) for one in document["parked_receipts"]] == [("github.com", 1)]
    assert [one["state"] for one in document["backfills"]] == ["waiting"]
    assert [(one["name"], one["state"]) for one in document["receivers"]] == [("ops", "off")]


def test_a_job_that_fails_each_time_is_said_with_its_error(
    run: Run, history: None, database: Engine, database_url: str
) -> None:
    told = [{"job": "figures", "failures": 9, "since": "2026-11-20T12:00:00Z", "error": "KeyError: 'branch'"}]
    with Session(database) as session, session.begin():
        session.execute(text("UPDATE processes SET troubles = CAST(:told AS jsonb)"), {"told": json.dumps(told)})

    shown = run("status", DATABASE_URL=database_url).output
    doctor = run("doctor", DATABASE_URL=database_url).output
    with Session(database) as session:
        words = headline(look(session, utc_now()))

    said = "figures do not follow the builds: 9 failures in a row, last KeyError: 'branch'"
    assert shown.splitlines()[-1].endswith(f"\t{said}")
    assert f"{said}; on ci-1 (pid 7)" in " ".join(doctor.split())
    assert words.startswith("figures do not follow the builds; 1 source")
