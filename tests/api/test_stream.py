"""`/ws` of a real API process: greeting, filters, resuming, resync, refusals, and nothing lost whatever breaks."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import websocket
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from api.hub import POLL_SECONDS
from api.subscriber import SEND_DEADLINE_SECONDS
from shared.database import make_engine
from shared.queries import build_objects
from shared.reading import reading
from shared.recorder import record
from shared.wire import encode
from tests.api.stand import Api, Client, an_instance, commit_builds, running_api, wait_for
from tests.conftest import Databases
from tests.factories import a_build

OLD_EVENTS = 1_300  # more than a process loads into its ring when it starts
DROPPED = 5  # of those, no longer retained


@pytest.fixture(scope="module")
def engine(databases: Databases) -> Iterator[Engine]:
    """One database for this file: every test subscribes from where the log stands when it begins."""
    url = databases.clone()
    engine = make_engine(url, application="test", pool_size=16)
    yield engine
    engine.dispose()
    databases.drop(url)


@pytest.fixture(scope="module")
def instance_id(engine: Engine) -> int:
    return an_instance(engine)


@pytest.fixture(scope="module")
def api(engine: Engine, instance_id: int) -> Iterator[Api]:
    for _ in range(OLD_EVENTS // 100):
        commit_builds(engine, instance_id, 100, branch="old")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM events WHERE pos <= :pos"), {"pos": DROPPED})
    with running_api(engine.url.render_as_string(hide_password=False)) as api:
        yield api


@pytest.fixture
def client(api: Api, engine: Engine) -> Iterator[Client]:
    """A client greeted at the real head of the log."""
    with engine.connect() as connection:
        head = connection.scalar(text("SELECT max(pos) FROM events"))
    client = api.connect()
    while client.hello["head"] < head:
        client.close()
        client = api.connect()
    yield client
    client.close()


def chain(since: int, events: list[dict[str, Any]]) -> bool:
    """Whether every event names the one before it."""
    return [event["prev_pos"] for event in events] == [since, *(event["pos"] for event in events)][:-1]


def test_a_client_is_greeted_and_gets_everything_from_the_head_on(
    client: Client, engine: Engine, instance_id: int
) -> None:
    head = commit_builds(engine, instance_id, 3)

    events = client.events(3)

    assert client.hello | {"epoch": "…"} == {"type": "hello", "epoch": "…", "head": head - 3, "filter": {}}
    assert [event["pos"] for event in events] == [head - 2, head - 1, head]
    assert chain(client.hello["head"], events)


def test_an_event_carries_the_one_build_object(client: Client, engine: Engine, instance_id: int) -> None:
    commit_builds(engine, instance_id, status="running", external_id="one build")
    commit_builds(engine, instance_id, status="failed", external_id="one build")
    started, finished = client.events(2)

    with reading(engine) as now:
        expected = build_objects(now.session, [finished["build_id"]])[finished["build_id"]]

    assert encode(finished["data"]["build"]) == encode(expected)
    assert (started["type"], started["data"]["from_status"], started["data"]["to_status"]) == (
        "status",
        None,
        "running",
    )
    assert (finished["type"], finished["data"]["from_status"], finished["data"]["to_status"]) == (
        "complete",
        "running",
        "failed",
    )
    assert finished.keys() == {
        "type",
        "pos",
        "prev_pos",
        "subject_kind",
        "build_id",
        "attempt",
        "is_superseded",
        "data",
    }
    assert finished["data"].keys() == {"build", "from_status", "to_status", "at"}


def test_a_filter_lets_only_its_own_pass(client: Client, engine: Engine, instance_id: int) -> None:
    answer = client.subscribe(filter={"branch": "release", "provider": "github"})
    for branch in ("main", "release", "main", "release"):
        commit_builds(engine, instance_id, branch=branch)

    events = client.events(2)

    assert answer == {"type": "subscribed", "since": client.hello["head"], "filter": answer["filter"]}
    assert answer["filter"] == {"branch": "release", "provider": "github"}
    assert {event["data"]["build"]["branch"] for event in events} == {"release"}
    assert chain(client.hello["head"], events)
    assert client.is_silent()


def test_a_client_may_subscribe_anew_at_any_time(client: Client, engine: Engine, instance_id: int) -> None:
    client.subscribe(filter={"branch": "first"})
    commit_builds(engine, instance_id, branch="first")
    commit_builds(engine, instance_id, branch="second")
    first = client.receive()

    client.subscribe(client.hello["head"], filter={"branch": "second"})

    assert first["data"]["build"]["branch"] == "first"
    assert client.receive()["data"]["build"]["branch"] == "second"


def test_a_client_resumes_where_it_was(api: Api, client: Client, engine: Engine, instance_id: int) -> None:
    head = commit_builds(engine, instance_id, 5)
    last = client.events(2)[-1]["pos"]
    client.close()

    again = api.connect()
    answer = again.subscribe(last)
    events = again.events(3)
    again.close()

    assert answer["type"] == "subscribed"
    assert [event["pos"] for event in events] == [head - 2, head - 1, head]
    assert chain(last, events)


def test_a_resume_beyond_the_ring_is_read_from_the_database(client: Client) -> None:
    client.subscribe(DROPPED, filter={"branch": "old"})

    events = client.events(OLD_EVENTS - DROPPED)

    assert [event["pos"] for event in events] == list(range(DROPPED + 1, OLD_EVENTS + 1))
    assert chain(DROPPED, events)


def test_builds_of_the_past_come_only_on_request(api: Api, client: Client, engine: Engine, instance_id: int) -> None:
    curious = api.connect()
    curious.subscribe(client.hello["head"], include_backfill=True)
    head = commit_builds(engine, instance_id, is_backfill=True)
    commit_builds(engine, instance_id)

    assert [event["pos"] for event in curious.events(2)] == [head, head + 1]
    plain = client.receive()
    assert (plain["pos"], plain["prev_pos"]) == (head + 1, head - 1)
    curious.close()


def test_a_client_ahead_of_this_process_is_believed_when_the_log_bears_it_out(
    client: Client, engine: Engine, instance_id: int
) -> None:
    head = commit_builds(engine, instance_id)

    assert client.subscribe(head)["type"] == "subscribed"


@pytest.mark.parametrize("place", ["another epoch", "the future"])
def test_a_place_that_is_not_ours_is_answered_with_resync_and_the_head(
    client: Client, engine: Engine, instance_id: int, place: str
) -> None:
    epoch, head = client.hello["epoch"], client.hello["head"]
    wish = {
        "another epoch": {"epoch": "00000000-0000-4000-8000-000000000000", "since": head},
        "the future": {"epoch": epoch, "since": head + 1_000_000},
    }[place]
    client.say({"type": "subscribe", "filter": {"branch": "after"}, **wish})

    assert client.receive() == {"type": "resync", "epoch": epoch, "head": head}
    commit_builds(engine, instance_id, branch="other")
    commit_builds(engine, instance_id, branch="after")
    event = client.receive()
    assert (event["pos"], event["prev_pos"]) == (head + 2, head)


def test_a_place_below_the_retained_tail_is_answered_with_resync(client: Client) -> None:
    answers = [client.subscribe(since, filter={"branch": "none"})["type"] for since in (0, DROPPED - 1, DROPPED)]

    assert answers == ["resync", "resync", "subscribed"]


def test_a_restored_database_sends_everyone_a_resync(client: Client, engine: Engine, instance_id: int) -> None:
    head = commit_builds(engine, instance_id, 5)
    client.events(5)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM events WHERE pos > :pos"), {"pos": head - 2})
        epoch = connection.scalar(text("UPDATE stream SET epoch = gen_random_uuid() RETURNING epoch"))

    answer = client.receive()
    commit_builds(engine, instance_id)
    event = client.receive()

    assert answer == {"type": "resync", "epoch": str(epoch), "head": head - 2}
    assert (event["pos"], event["prev_pos"]) == (head - 1, head - 2)


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        ("not json", 4400, "not JSON"),
        ({"type": "subscribe", "filter": {"brunch": "main"}}, 4400, "it can hold provider"),
        ({"type": "subscribe", "filter": {"branch": "x" * 5000}}, 1009, "at most 4096 bytes"),
    ],
)
def test_what_cannot_be_understood_is_said_in_words_before_the_close(
    client: Client, message: object, code: int, words: str
) -> None:
    client.say(message)

    error = client.receive()

    assert error["type"] == "error"
    assert words in error["message"]
    assert client.closed_with() == code


def test_a_binary_message_is_refused(client: Client) -> None:
    client.socket.send_binary(b"{}")

    assert client.receive()["type"] == "error"
    assert client.closed_with() == 1003


def test_a_client_that_talks_too_much_is_closed(client: Client) -> None:
    for _ in range(20):
        client.say({"type": "subscribe"})

    assert client.closed_with() == 1008


def test_bytes_that_are_no_frame_are_a_protocol_error(client: Client) -> None:
    assert client.socket.sock is not None
    client.socket.sock.sendall(b"\xff\xff\xff\xff\xff\xff\xff\xff")

    assert client.closed_with() == 1002


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://{address}.evil.example", "file://{address}"]
)
def test_a_page_of_another_site_is_refused(api: Api, origin: str) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as raised:
        api.connect(origin=origin.format(address=api.address), suppress_origin=False)

    assert raised.value.status_code == 403


def test_our_own_page_is_let_in(api: Api) -> None:
    client = api.connect(origin=f"http://{api.address}", suppress_origin=False)
    client.close()

    assert client.hello["type"] == "hello"


def test_another_host_name_is_refused(api: Api) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as raised:
        api.connect(host="evil.example")

    assert raised.value.status_code == 421


def test_compression_is_not_negotiated(api: Api) -> None:
    client = api.connect(header=["Sec-WebSocket-Extensions: permessage-deflate"])
    headers = client.socket.headers
    client.close()

    assert "sec-websocket-extensions" not in headers


def test_losing_the_listening_connection_costs_no_event_and_little_time(
    client: Client, engine: Engine, instance_id: int
) -> None:
    with engine.begin() as connection:
        ended = connection.execute(
            text("""
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'observatory api listener' AND datname = current_database()
            """)
        )
        assert ended.scalar() is True
    for _ in range(10):
        commit_builds(engine, instance_id, 10)
    committed = time.monotonic()

    events = client.events(100)

    assert time.monotonic() - committed < POLL_SECONDS + 1
    assert chain(client.hello["head"], events)


def test_a_slow_question_to_the_database_stops_nobody_else(
    api: Api, client: Client, engine: Engine, instance_id: int
) -> None:
    with engine.begin() as holder:
        # Of what is read and written here, only the list of sources needs this table.
        holder.execute(text("LOCK TABLE backfills IN ACCESS EXCLUSIVE MODE"))
        slow = threading.Thread(target=lambda: api.get("/api/sources"))
        slow.start()
        wait_for(lambda: _waits_for_a_lock(engine))
        begun = time.monotonic()

        status, _ = api.get("/livez")
        commit_builds(engine, instance_id)
        client.receive()

        assert status == 200
        assert _waits_for_a_lock(engine), "the slow question was not slow any more: this proves nothing"
        assert time.monotonic() - begun < 2
    slow.join(10)


def _waits_for_a_lock(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(
            connection.scalar(
                text("""
                    SELECT count(*) FROM pg_stat_activity
                    WHERE wait_event_type = 'Lock' AND application_name = 'observatory api'
                      AND datname = current_database()
                """)
            )
        )


def test_a_reader_that_stalls_is_dropped_and_costs_the_others_nothing(
    api: Api, client: Client, engine: Engine, instance_id: int
) -> None:
    small = ((socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),)
    stalled = api.connect(sockopt=small)
    delays = []
    until = time.monotonic() + SEND_DEADLINE_SECONDS + 15
    dropped = False
    while not dropped:
        assert time.monotonic() < until, "the stalled reader is still there"
        commit_builds(engine, instance_id, 20, commit_message="x" * 2000)
        committed = time.monotonic()
        client.events(20)
        delays.append(time.monotonic() - committed)
        time.sleep(0.1)
        dropped = api.heard("dropped slow socket")
    stalled.drop()

    assert sorted(delays)[len(delays) // 2] < 0.25
    assert max(delays) < 2


FILTERS: tuple[dict[str, object], ...] = (
    {},
    {"branch": "main"},
    {"branch": "dev"},
    {"repository": "acme/api", "branch": "main"},
    {"repository": "acme/none"},
)


class Wanderer(threading.Thread):
    """A client that keeps losing its connection and resumes where it was."""

    def __init__(self, api: Api, wanted: dict[str, object], since: int, epoch: str, seed: int) -> None:
        super().__init__()
        self.api = api
        self.wanted = wanted
        self.since = since
        self.epoch = epoch
        self.random = random.Random(seed)
        self.got: list[dict[str, Any]] = []
        self.drops = 0
        self.has_enough = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.has_enough.is_set():
                self._stay_for(self.random.randint(1, 40))
        except BaseException as error:  # noqa: BLE001 (handed to the test)
            self.error = error

    def _stay_for(self, count: int) -> None:
        client = self.api.connect()
        answer = client.subscribe(self.since, filter=self.wanted)
        assert answer["type"] == "subscribed", answer
        client.socket.settimeout(0.3)
        try:
            for _ in range(count):
                event = client.receive()
                assert event["prev_pos"] == self.since, (event["prev_pos"], self.since)
                self.since = event["pos"]
                self.got.append(event)
        except websocket.WebSocketTimeoutException:
            pass
        self.drops += 1
        if self.random.random() < 0.5:
            client.drop()
        else:
            client.close()


def test_whoever_keeps_losing_the_connection_still_gets_its_whole_part_of_the_log(
    api: Api, client: Client, engine: Engine, instance_id: int
) -> None:
    since, epoch = client.hello["head"], client.hello["epoch"]
    wanderers = [Wanderer(api, FILTERS[seed % len(FILTERS)], since, epoch, seed) for seed in range(20)]
    for wanderer in wanderers:
        wanderer.start()
    _write_at_random(engine, instance_id)
    with engine.connect() as connection:
        head = connection.scalar(text("SELECT max(pos) FROM events"))
    expected = {str(wanted): _passing(engine, since, wanted) for wanted in FILTERS}

    def everyone_has_all() -> bool:
        return all(len(one.got) >= len(expected[str(one.wanted)]) or one.error for one in wanderers)

    wait_for(everyone_has_all, 60)
    for wanderer in wanderers:
        wanderer.has_enough.set()
    for wanderer in wanderers:
        wanderer.join(20)

    assert [wanderer.error for wanderer in wanderers if wanderer.error] == []
    for wanderer in wanderers:
        assert [event["pos"] for event in wanderer.got] == expected[str(wanderer.wanted)]
    assert head - since >= 300
    assert sum(wanderer.drops for wanderer in wanderers) > 100


def _write_at_random(engine: Engine, instance_id: int) -> None:
    """Three writers at once, a quarter of their transactions rolled back."""

    def write(seed: int) -> None:
        choice = random.Random(seed)
        for _ in range(60):
            repository, number = choice.choice([("acme/web", 1), ("acme/api", 2)])
            fields = {
                "branch": choice.choice(["main", "dev"]),
                "repository_name": repository,
                "repository_external_id": str(number),
                "pipeline_external_id": f"{number}/10",
            }
            with Session(engine) as session:
                _record(session, instance_id, choice.randint(1, 4), fields)
                if choice.random() < 0.25:
                    session.rollback()
                else:
                    session.commit()

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()


def _record(session: Session, instance_id: int, count: int, fields: dict[str, Any]) -> None:
    builds = [a_build(external_id=f"{threading.get_ident()}-{time.monotonic_ns()}-{n}", **fields) for n in range(count)]
    record(session, builds, instance_id=instance_id, source_id=None, is_backfill=False)


def _passing(engine: Engine, since: int, wanted: dict[str, object]) -> list[int]:
    """The positions after `since` whose build passes, asked of the database directly."""
    with engine.connect() as connection:
        rows = connection.execute(
            text("""
                SELECT e.pos, b.branch, r.name AS repository FROM events e
                JOIN builds b ON b.id = e.subject_id
                JOIN pipelines p ON p.id = b.pipeline_id
                JOIN repositories r ON r.id = p.repository_id
                WHERE e.pos > :since ORDER BY e.pos
            """),
            {"since": since},
        ).mappings()
        return [row["pos"] for row in rows if all(row[key] == value for key, value in wanted.items())]
