"""Every line takes one road, is one line, holds no secret, and writing it never raises."""

import io
import json
import logging
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from shared.log.redaction import MASK, register_secret
from shared.log.setup import configure
from tests.logging_restored import logging_as_it_was

CANARY = "canary-0123456789"
TOKEN = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
WEBHOOK = "https://hooks.slack.com/services/T000/B000/XXXXXXXX"

log = structlog.get_logger("tests")


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    register_secret(CANARY)
    with logging_as_it_was():
        yield


@pytest.fixture
def written() -> io.StringIO:
    stream = io.StringIO()
    configure("info", "json", "api", stream)
    return stream


def without_pytests_handlers() -> None:
    """Pytest's own would raise where ours must not; they come back with each phase of a test."""
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if not type(handler).__module__.startswith("_pytest")]


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_its_fields(written: io.StringIO) -> None:
    log.info("polled", source="github.com:acme/web", builds=3, lag_seconds=1.5, at=datetime(2026, 1, 2, tzinfo=UTC))

    (line,) = lines(written)
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo is not None
    assert line == {
        "level": "info",
        "event": "polled",
        "logger": "tests",
        "process": "api",
        "source": "github.com:acme/web",
        "builds": 3,
        "lag_seconds": 1.5,
        "at": "2026-01-02T00:00:00+00:00",
    }


@pytest.mark.parametrize("name", ["gunicorn.error", "anything"])
def test_the_standard_librarys_loggers_take_the_same_road(written: io.StringIO, name: str) -> None:
    logging.getLogger(name).info("migrating %s", "events", extra={"token": "x", "pages": 3})

    (line,) = lines(written)
    assert (line["event"], line["logger"], line["process"]) == ("migrating events", name, "api")
    assert (line["token"], line["pages"]) == (MASK, 3)


def test_clients_that_print_addresses_are_quiet_even_at_debug() -> None:
    stream = io.StringIO()
    configure("debug", "json", "api", stream)

    for name in ("httpx", "httpcore.http11", "sqlalchemy.engine.Engine", "apscheduler.executors.default"):
        logging.getLogger(name).info("GET https://x/?private=1")
    logging.getLogger("httpx").warning("slow")
    log.debug("seen")

    assert [line["event"] for line in lines(stream)] == ["slow", "seen"]


def test_less_important_lines_are_left_out_and_a_second_configure_replaces_the_first(written: io.StringIO) -> None:
    again = io.StringIO()
    configure("warning", "json", "scheduler", again)

    log.info("polled")
    log.warning("stale")

    assert written.getvalue() == ""
    assert [(line["event"], line["process"]) for line in lines(again)] == [("stale", "scheduler")]


def fail_with_secrets() -> None:
    try:
        raise KeyError(f"cannot post to {WEBHOOK}")
    except KeyError as error:
        raise ValueError(f"https://me:{CANARY}@ci and {TOKEN}") from error


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_passes_by_key_by_value_by_shape_or_inside_an_exception(form: Any) -> None:
    stream = io.StringIO()
    configure("info", form, "api", stream)

    event = f"got {TOKEN}"

    log.info(event, token="short", webhook_url=WEBHOOK, note=f"it is {CANARY}", password=b"bytes-secret")
    log.info(
        "nested", request={"headers": {"Authorization": "Bearer nested-secret"}, "urls": [f"https://a:{CANARY}@b"]}
    )
    log.info("key", **{TOKEN: 1}, error=ValueError(WEBHOOK), dsn="user=me password=dsn-secret")
    logging.getLogger("x").warning("Authorization: token header-secret %s", TOKEN)
    try:
        fail_with_secrets()
    except ValueError:
        log.exception("failed")
        logging.getLogger("y").exception("failed too")

    text = stream.getvalue()
    for secret in (CANARY, TOKEN, WEBHOOK, "short", "bytes-secret", "nested-secret", "dsn-secret", "header-secret"):
        assert secret not in text, secret
    assert text.count("ValueError: https://") == 2


def test_what_only_names_a_secret_is_shown(written: io.StringIO) -> None:
    log.info("configured", token_env="GITHUB_TOKEN", token_file="/run/x", tokens=3, has_token=True, fingerprint="ab12")

    (line,) = lines(written)
    shown = {"token_env": "GITHUB_TOKEN", "token_file": "/run/x", "tokens": 3, "has_token": True, "fingerprint": "ab12"}
    assert shown.items() <= line.items()


NASTY = 'main\n{"level":"critical","event":"forged"}\r\x1b[31m\x00\x85\u202e\u2028\ud800'


def test_a_branch_cannot_forge_a_line_of_json(written: io.StringIO) -> None:
    log.info("recorded", branch=NASTY, **{f"key{NASTY}": 1})

    (line,) = lines(written)
    assert line["branch"] == NASTY
    assert written.getvalue().isascii()


def test_a_branch_cannot_forge_a_line_or_colour_the_terminal() -> None:
    without_pytests_handlers()
    stream = io.StringIO()
    configure("info", "console", "api", stream)

    event = f"recorded {NASTY}"

    log.info(event, branch=NASTY, more={"deep": [NASTY]}, **{f"key{NASTY}": 1})
    logging.getLogger("x").info("branch %s", NASTY)

    text = stream.getvalue()
    assert len(text.splitlines()) == 2
    assert "\x1b[31m\\x00" not in text
    assert not {"\x00", "\r", "\x85", "\u202e", "\u2028", "\ud800"} & set(text)
    assert "main\\x0a" in text


def test_a_value_of_any_kind_can_be_logged(written: io.StringIO) -> None:
    without_pytests_handlers()

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no words")

    endless: list[object] = []
    endless.append(endless)

    log.info("odd", broken=Broken(), endless=endless, nan=float("nan"), huge=2**100, many={1, 2}, text="x" * 100_000)

    (line,) = lines(written)
    assert line["broken"] == "<Broken whose text cannot be had: RuntimeError>"
    assert (line["nan"], line["huge"], line["many"]) == ("nan", 2**100, [1, 2])
    assert line["text"].endswith("… (100000 characters)")


def test_a_message_that_cannot_be_written_is_said_to_be_lost(written: io.StringIO) -> None:
    without_pytests_handlers()

    logging.getLogger("x").info("%d builds", "many")

    assert lines(written) == [{"event": "log message lost", "logger": "x", "error": "TypeError"}]


def test_a_closed_stream_stops_nobody(written: io.StringIO) -> None:
    written.close()

    log.info("polled")
    logging.getLogger("x").error("failed")
    configure("info", "auto", "api", written)
    log.info("polled")


@pytest.mark.filterwarnings("ignore")
def test_a_thread_that_dies_says_so_without_its_secrets(written: io.StringIO) -> None:
    thread = threading.Thread(target=fail_with_secrets, name="worker-1")

    thread.start()
    thread.join()

    (line,) = lines(written)
    assert (line["event"], line["thread"], line["level"]) == ("thread crashed", "worker-1", "critical")
    assert CANARY not in written.getvalue()


PROGRAM = """
import structlog
from shared.log.setup import configure
configure("info", "auto", "api")
structlog.get_logger().info("polled", builds=3)
raise ValueError("https://me:process-secret@ci")
"""


def test_a_process_that_dies_says_so_in_json_without_its_secrets() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)

    polled, crashed = [json.loads(line) for line in ended.stderr.splitlines()]
    assert ended.returncode == 1
    assert (polled["event"], polled["builds"]) == ("polled", 3)
    assert crashed["event"] == "crashed"
    assert "process-secret" not in ended.stderr


@pytest.mark.parametrize(
    ("environ", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"OBSERVATORY_ON_TERMINAL": "1"}, True)]
)
def test_a_terminal_gets_lines_for_people(environ: dict[str, str], is_coloured: bool) -> None:
    ours, theirs = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}

    subprocess.run([sys.executable, "-c", PROGRAM], stderr=theirs, check=False, env=clean | environ)
    os.close(theirs)
    text = os.read(ours, 65_536).decode()
    os.close(ours)

    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert re.match(r"\d\d:\d\d:\d\d \[info +\] polled ", plain), plain
    assert ("process=" in plain) is ("OBSERVATORY_ON_TERMINAL" not in environ)
    assert ("\x1b[" in text) is is_coloured
