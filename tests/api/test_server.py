"""The `observatory api` process: who gets a socket, how it ends, what it says when it cannot start."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import websocket
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from api.hub import POLL_SECONDS
from shared.database import make_engine
from shared.keys import Scope, create_key, create_session, revoke_key
from shared.keys import authenticate as find_key
from shared.standing import processes
from tests.api.stand import COMMAND, Api, Client, an_instance, commit_builds, running_api, wait_for
from tests.conftest import Databases

MAX_SOCKETS = 4
MAX_PER_ADDRESS = 2

# In a process of its own: the server's module patches what it is imported into.
PROVE_NOTHING_IS_HELD_BACK = """
from api import server
import socket
from shared.config.settings import ServerSettings
listening = server._listen(ServerSettings(port=0))
client = socket.create_connection(listening.getsockname())
print(listening.accept()[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
"""

PROVE_PSYCOPG_WAITS_WITH_OTHERS = """
import sys, time
from api import server
import gevent, psycopg
turns = []
def turn():
    while True:
        turns.append(time.monotonic())
        gevent.sleep(0.01)
gevent.spawn(turn)
with psycopg.connect(sys.argv[1]) as connection:
    before = len(turns)
    connection.execute("SELECT pg_sleep(0.5)")
    print(len(turns) - before)
"""


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def engine(databases: Databases) -> Iterator[Engine]:
    url = databases.clone()
    engine = make_engine(url, application="test", pool_size=4)
    yield engine
    engine.dispose()
    databases.drop(url)


@pytest.fixture(scope="module")
def key(engine: Engine) -> str:
    with Session(engine) as session, session.begin():
        return create_key(session, "reader", [Scope.READ], now())


@pytest.fixture(scope="module")
def public(engine: Engine, key: str) -> Iterator[Api]:
    """A process that the world reaches through one proxy: everything needs a key, and places are few."""
    settings = {
        "server__base_url": "https://observatory.example",
        "server__trusted_proxies": 1,
        "server__max_sockets": MAX_SOCKETS,
        "server__max_sockets_per_address": MAX_PER_ADDRESS,
    }
    with running_api(engine.url.render_as_string(hide_password=False), settings) as api:
        yield api


def as_holder(key: str, address: str = "203.0.113.7") -> list[str]:
    return [f"Authorization: Bearer {key}", f"X-Forwarded-For: {address}"]


def refusal(api: Api, header: list[str]) -> int:
    with pytest.raises(websocket.WebSocketBadStatusException) as raised:
        api.connect(header=header)
    return int(raised.value.status_code)


def test_without_a_key_there_is_no_socket(public: Api) -> None:
    assert refusal(public, []) == 401
    assert refusal(public, ["Authorization: Bearer bo_live_nonsense"]) == 401


def test_a_browser_comes_with_its_session_from_our_own_page(public: Api, engine: Engine, key: str) -> None:
    with Session(engine) as session, session.begin():
        found = find_key(session, key, now())
        assert found is not None
        cookie, _ = create_session(session, found, now())

    client = public.connect(
        cookie=f"observatory_session={cookie}", origin="https://observatory.example", suppress_origin=False
    )
    client.close()

    assert client.hello["type"] == "hello"


def test_places_are_counted_for_each_address_and_in_all(public: Api, key: str) -> None:
    clients: list[Client] = []
    try:
        clients += [public.connect(header=as_holder(key)) for _ in range(MAX_PER_ADDRESS)]
        assert refusal(public, as_holder(key)) == 503
        clients += [public.connect(header=as_holder(key, "203.0.113.8")) for _ in range(MAX_PER_ADDRESS)]
        assert refusal(public, as_holder(key, "203.0.113.9")) == 503
    finally:
        for client in clients:
            client.close()

    wait_for(lambda: _can_connect(public, key), 5)


def _can_connect(api: Api, key: str) -> bool:
    try:
        api.connect(header=as_holder(key)).close()
    except websocket.WebSocketBadStatusException:
        return False
    return True


def test_revoking_a_key_closes_its_sockets_and_no_others(public: Api, engine: Engine, key: str) -> None:
    with Session(engine) as session, session.begin():
        lost = create_key(session, "lost", [Scope.READ], now())
    wait_for(lambda: _can_connect(public, key), 5)
    staying, leaving = public.connect(header=as_holder(key)), public.connect(header=as_holder(lost))
    with Session(engine) as session, session.begin():
        assert revoke_key(session, lost.split("_")[2], now())

    assert leaving.closed_with() == 1008
    assert staying.is_silent()
    staying.close()
    leaving.close()


def test_two_workers_deliver_to_all_and_on_sigterm_say_goodbye_and_end_in_time(database: Engine) -> None:
    instance_id = an_instance(database)
    url = database.url.render_as_string(hide_password=False)
    with running_api(url, {"server__workers": 2}) as api:
        wait_for(lambda: sum(line["event"] == "following the log" for line in api.said) == 2, 30)
        clients = [api.connect() for _ in range(30)]
        commit_builds(database, instance_id)
        positions = [client.receive()["pos"] for client in clients]
        begun = time.monotonic()
        api.process.terminate()
        codes = [client.closed_with() for client in clients]
        exit_code = api.process.wait(20)
        seconds = time.monotonic() - begun
        for client in clients:
            client.close()

        assert positions == [1] * 30
        assert codes == [1001] * 30
        assert exit_code == 0
        assert seconds < 8
        assert not any("Traceback" in line for line in api.raw)


def test_while_it_ends_nobody_new_is_let_in_and_a_client_that_ignores_the_goodbye_cannot_hold_it(
    database: Engine,
) -> None:
    with running_api(database.url.render_as_string(hide_password=False)) as api:
        deaf = api.connect()
        begun = time.monotonic()
        api.process.terminate()
        wait_for(lambda: api.heard("draining"))
        readiness = _status_of_readyz(api)
        exit_code = api.process.wait(20)
        seconds = time.monotonic() - begun
        deaf.drop()

    assert readiness in {None, 503}
    assert exit_code == 0
    assert seconds < 8


def _status_of_readyz(api: Api) -> int | None:
    """None once the port is closed."""
    try:
        return api.get("/readyz")[0]
    except OSError:
        return None


def test_where_notifications_never_arrive_the_poll_delivers(database: Engine, engine: Engine) -> None:
    """As behind a transaction-pooling proxy: the listening connection is on another database, where all is quiet."""
    elsewhere = engine.url.render_as_string(hide_password=False)
    url = database.url.render_as_string(hide_password=False)
    with running_api(url, {"database__is_pooled": "true", "database__direct_url": elsewhere}) as api:
        client = api.connect()
        commit_builds(database, an_instance(database), 50)
        committed = time.monotonic()
        positions = [event["pos"] for event in client.events(50)]
        seconds = time.monotonic() - committed
        client.close()

    assert positions == list(range(1, 51))
    assert seconds < POLL_SECONDS + 1


def test_the_arbiter_stays_small_and_the_workers_are_built_after_the_fork(public: Api) -> None:
    arbiter = psutil.Process(public.process.pid)
    (worker,) = arbiter.children()

    assert "psycopg" not in Path(f"/proc/{arbiter.pid}/maps").read_text()
    assert "psycopg" in Path(f"/proc/{worker.pid}/maps").read_text()
    assert arbiter.memory_full_info().pss < worker.memory_full_info().pss


def test_waiting_for_postgres_lets_other_greenlets_work(database_url: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", PROVE_PSYCOPG_WAITS_WITH_OTHERS, database_url],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert int(answer.stdout) > 5


def test_each_worker_tells_of_its_life_and_the_next_one_removes_those_that_ended(database_url: str) -> None:
    engine = make_engine(database_url, application="test", pool_size=1)

    def living() -> list[str]:
        with Session(engine) as session:
            return [process.kind for process in processes(session, now()) if process.is_alive]

    with running_api(database_url, {"server__workers": 2}) as api:
        wait_for(lambda: living() == ["api", "api"])
        checks = json.loads(api.get("/readyz")[1])["checks"]
    with running_api(database_url):
        wait_for(lambda: living() == ["api"])
    engine.dispose()

    assert checks["api"] == {"is_ok": True, "detail": "answers; heartbeats of the last 30 s: 2"}


def test_small_answers_are_not_held_back_from_the_first_client_either() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", PROVE_NOTHING_IS_HELD_BACK], capture_output=True, text=True, check=True, timeout=60
    )

    assert answer.stdout.strip() == "1"


def test_a_port_that_is_taken_is_said_in_words(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environ = {"DATABASE_URL": database_url, "OBSERVATORY_SERVER__PORT": str(port)}
        answer = subprocess.run(COMMAND, env=environ, capture_output=True, text=True, check=False, timeout=60)

    assert answer.returncode == 3
    assert f"cannot listen on 127.0.0.1:{port}" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_public_process_without_any_key_refuses_to_start(database_url: str) -> None:
    environ = {
        "DATABASE_URL": database_url,
        "OBSERVATORY_SERVER__PORT": "0",
        "OBSERVATORY_SERVER__BASE_URL": "https://observatory.example",
        "OBSERVATORY_LOGGING__FORMAT": "json",
    }
    answer = subprocess.run(COMMAND, env=environ, capture_output=True, text=True, check=False, timeout=60)

    said = [json.loads(line) for line in answer.stderr.splitlines() if line.startswith("{")]
    assert answer.returncode == 3
    assert any("there is no key" in line.get("problem", "") for line in said)
    assert "Traceback" not in answer.stderr
