"""The hardened client against answers that are slow, torn, huge, untrusted or no JSON."""

import gzip
import json
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from shared.errors import (
    CannotStart,
    MalformedPayload,
    ProviderError,
    Unavailable,
)
from shared.http.body import Impossible
from shared.http.client import Client, Limits
from tests.loopback import Heard, Loopback, reply
from tests.shared.http.stand import CERTIFICATES, QUICK, TOKEN, a_client, answers


@pytest.mark.parametrize("dripped", ["headers", "body"])
def test_a_drip_is_cut_at_the_total_deadline(dripped: str) -> None:
    content = reply({"a": "x" * 500})
    split = 0 if dripped == "headers" else content.index(b"\r\n\r\n") + 4

    def drip(_: Heard) -> Iterator[bytes]:
        yield content[:split]
        yield from server.drip(content[split:], 0.02)

    limits = Limits(read_seconds=2, total_seconds=0.3, pause_seconds=0.001)
    with Loopback(drip) as server, a_client(server, limits=limits) as client:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="no complete answer within"):
            client.get_json("/")

    assert time.monotonic() - began < 1
    assert len(server.heard) == 1


def test_one_long_silence_is_cut_at_the_total_deadline_too() -> None:
    def silence(_: Heard) -> bytes:
        server.closing.wait(5)
        return b""

    limits = Limits(read_seconds=3, total_seconds=0.2)
    with Loopback(silence) as server, a_client(server, limits=limits) as client:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="no complete answer within"):
            client.get_json("/")

    assert time.monotonic() - began < 1


def test_a_server_that_never_answers_is_left_after_three_tries() -> None:
    def silence(_: Heard) -> bytes:
        server.closing.wait(5)
        return b""

    limits = Limits(read_seconds=0.05, pause_seconds=0.001)
    with Loopback(silence) as server, a_client(server, limits=limits) as client:
        with pytest.raises(Unavailable, match="timed out"):
            client.get_json("/")
        assert len(server.heard) == 3


def test_all_tries_together_end_in_time() -> None:
    def silence(_: Heard) -> bytes:
        server.closing.wait(5)
        return b""

    limits = Limits(read_seconds=0.2, tries=100, all_tries_seconds=0.5, pause_seconds=0.001)
    with Loopback(silence) as server, a_client(server, limits=limits) as client:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            client.get_json("/")

    assert time.monotonic() - began < 1


def test_nobody_listening_is_said_with_the_host() -> None:
    with Loopback(answers(reply({}))) as server:
        pass
    with (
        a_client(server) as client,
        pytest.raises(Unavailable, match=rf"127.0.0.1:{server.port}/x: cannot be reached: Connection refused;"),
    ):
        client.get_json("/x")


def test_a_host_that_nobody_knows_is_said_in_words() -> None:
    with Client("http://no-such-host.invalid", limits=QUICK) as client, pytest.raises(Unavailable) as caught:
        client.get_json("/")

    assert str(caught.value) == "the name no-such-host.invalid cannot be resolved"


def test_a_host_is_looked_for_before_anything_is_asked() -> None:
    with Client("http://no-such-host.invalid", limits=QUICK) as client, pytest.raises(Unavailable, match=r"resolved$"):
        client.find_host()
    with Loopback(answers(reply({}))) as server, a_client(server) as client:
        client.find_host()
        assert server.heard == []


WHOLE = json.dumps({"workflow_runs": [{"id": 1}]}).encode()
GZIP = {"Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("torn", "error"),
    [
        pytest.param(reply(WHOLE[:20], length=len(WHOLE)), Unavailable, id="shorter than it said"),
        pytest.param(reply(WHOLE[:20], headers={"Content-Length": ""}), MalformedPayload, id="no length said"),
        pytest.param(reply(b"", headers={"Content-Length": ""}), MalformedPayload, id="nothing at all"),
        pytest.param(reply(gzip.compress(WHOLE)[:-9], headers=GZIP), MalformedPayload, id="torn gzip"),
        pytest.param(reply(b"no gzip", headers=GZIP), MalformedPayload, id="no gzip"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", Unavailable, id="within the headers"),
        pytest.param(b"what?\r\n\r\n", Unavailable, id="no HTTP"),
    ],
)
def test_a_torn_answer_is_tried_again_and_never_half_used(torn: bytes, error: type[ProviderError]) -> None:
    with Loopback(answers(torn, reply(WHOLE))) as server, a_client(server) as client:
        assert client.get_json("/").payload == {"workflow_runs": [{"id": 1}]}
    with Loopback(answers(torn)) as server, a_client(server) as client:
        with pytest.raises(error):
            client.get_json("/")

        assert len(server.heard) == 3


def test_gzip_is_inflated() -> None:
    with Loopback(answers(reply(gzip.compress(WHOLE), headers=GZIP))) as server, a_client(server) as client:
        assert client.get_json("/").payload == {"workflow_runs": [{"id": 1}]}


def test_a_gzip_bomb_is_cut_while_inflating() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b"0" * 1_000_000) for _ in range(50)) + packer.flush()

    with Loopback(answers(reply(bomb, headers=GZIP))) as server, a_client(server) as client:
        tracemalloc.start()
        with pytest.raises(MalformedPayload, match="more than 1,000,000 bytes"):
            client.get_json("/")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert len(bomb) < 60_000
    assert peak < 5_000_000
    assert len(server.heard) == 1


def test_a_body_without_end_is_cut() -> None:
    def endless(_: Heard) -> Iterator[bytes]:
        yield reply(b"", headers={"Content-Length": ""})
        while not server.closing.is_set():
            yield b"0" * 65_536

    with (
        Loopback(endless) as server,
        a_client(server) as client,
        pytest.raises(MalformedPayload, match="more than 1,000,000 bytes"),
    ):
        client.get_json("/")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (reply(b"<html>Log in</html>", headers={"Content-Type": "text/html"}), "text/html instead of JSON"),
        (reply(b"{}", headers={"Content-Type": ""}), "no content type instead of JSON"),
        (reply(b"{}", headers={"Content-Encoding": "br"}), "encoded as br"),
        (reply(b"", 204), "204"),
        (reply([1]), "a JSON list where the API has a dict"),
        (reply(b"null"), "NoneType"),
        (reply(b"[" * 100_000 + b"]" * 100_000), "nested too deeply"),
        (reply({"message": "pagination is limited for this resource"}, 422), "422: pagination is limited"),
        (reply(b"", 304), "304, without the JSON"),
    ],
)
def test_what_is_not_what_the_api_promises_is_malformed_and_asked_once(bad: bytes, words: str) -> None:
    with Loopback(answers(bad)) as server, a_client(server) as client, pytest.raises(MalformedPayload, match=words):
        client.get_json("/")

    assert len(server.heard) == 1


def test_odd_text_does_not_cost_the_page() -> None:
    body = b'{"a": "\\ud800 \\u0000 \xff", "a": "last one", "b": "\\ud83d\\ude00"}'
    with Loopback(answers(reply(body))) as server, a_client(server) as client:
        assert client.get_json("/").payload == {"a": "last one", "b": "\U0001f600"}


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999", b"-" + b"9" * 5_000])
def test_a_number_that_is_none_does_not_cost_the_page_and_is_no_number(number: bytes) -> None:
    with Loopback(answers(reply(b'{"a": ' + number + b', "b": 1.5, "c": 7}'))) as server, a_client(server) as client:
        payload = client.get_json("/").payload

    assert isinstance(payload, dict)
    assert isinstance(payload["a"], Impossible)
    assert (payload["b"], payload["c"]) == (1.5, 7)


def test_a_list_is_taken_where_one_is_expected() -> None:
    with Loopback(answers(reply([1, 2]))) as server, a_client(server) as client:
        assert client.get_json("/", shape=list).payload == [1, 2]


CERTIFICATE = (CERTIFICATES / "localhost.pem", CERTIFICATES / "key.pem")


def test_a_private_authority_is_trusted_when_named() -> None:
    with (
        Loopback(answers(reply({"id": 1})), CERTIFICATE) as server,
        Client(f"https://localhost:{server.port}", limits=QUICK, ca_file=CERTIFICATE[0]) as client,
    ):
        assert client.get_json("/").payload == {"id": 1}


@pytest.mark.parametrize(("host", "ca_file"), [("localhost", None), ("127.0.0.1", CERTIFICATE[0])])
def test_an_unknown_authority_or_another_name_is_refused_in_words(host: str, ca_file: Path | None) -> None:
    with (
        Loopback(answers(reply({"id": 1})), CERTIFICATE) as server,
        Client(f"https://{host}:{server.port}", TOKEN, limits=QUICK, ca_file=ca_file) as client,
        pytest.raises(Unavailable, match=r"certificate is not trusted: [^\[(]*; .* set ca_file"),
    ):
        client.get_json("/")

    assert server.heard == []


def test_a_ca_file_that_is_none_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="ca_file"):
        Client("https://localhost", ca_file=tmp_path / "missing.pem")


def test_failures_leave_no_connection_open() -> None:
    before = psutil.Process().num_fds()
    bad = [reply(b"", 500), reply(WHOLE[:5], length=99), reply(b"", 302, {"Location": "//x"}), reply({}, 401), b""]
    with Loopback(answers(*bad * 10, reply({}))) as server:
        with a_client(server) as client:
            for _ in range(20):
                with pytest.raises(ProviderError):
                    client.get_json("/")
        threads = [thread for thread in threading.enumerate() if thread.name.startswith("resolve")]

    assert psutil.Process().num_fds() <= before + 1
    assert threads == []
