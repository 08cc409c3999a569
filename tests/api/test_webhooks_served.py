"""Webhooks through the real server: nothing secret in its log, nobody slow or huge holds it up, and its own test."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from api.webhooks import BODY_SECONDS, MOST_LARGE_BODIES
from shared.database import make_engine
from tests.api.serving import a_world
from tests.api.stand import Api, running_api, wait_for
from tests.api.webhooks import GITHUB_SECRET, JENKINS_SECRET, SIGNING_SECRET, github_headers
from tests.conftest import Databases

CONFIG = """
[[providers]]
kind = "github"
name = "github.com"
token_env = "A_TOKEN_THE_API_DOES_NOT_NEED"
webhook_secret_env = "HOOK_GITHUB"

[[providers]]
kind = "gitlab"
name = "gitlab.com"
webhook_secret_env = "HOOK_GITLAB"

[[providers]]
kind = "jenkins"
name = "ci"
base_url = "https://ci.example.com"
webhook_secret_env = "HOOK_JENKINS"
"""
SECRETS = {"HOOK_GITHUB": GITHUB_SECRET, "HOOK_GITLAB": SIGNING_SECRET, "HOOK_JENKINS": JENKINS_SECRET}


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[Engine]:
    url = databases.clone()
    engine = make_engine(url, application="test")
    for name, kind in (("github.com", "github"), ("gitlab.com", "gitlab"), ("ci", "jenkins")):
        a_world(engine, name=name, provider=kind)
    yield engine
    engine.dispose()
    databases.drop(url)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def api(database: Engine, config: Path) -> Iterator[Api]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        url = database.url.render_as_string(hide_password=False)
        with running_api(url, {"config": config, "logging__level": "debug"}) as running:
            yield running


def connect(api: Api) -> socket.socket:
    host, _, port = api.address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=30)


def post(api: Api, path: str, body: bytes, headers: dict[str, str] | None = None) -> int:
    connection = http.client.HTTPConnection(api.address, timeout=20)
    try:
        connection.request("POST", path, body, headers or {})
        return connection.getresponse().status
    finally:
        connection.close()


def test_no_part_of_jenkins_address_that_could_be_a_secret_is_in_the_log(api: Api) -> None:
    wrong = "the-secret-of-yesterday"

    statuses = [
        post(api, f"/webhooks/jenkins/ci/{secret}", b"{}") for secret in (JENKINS_SECRET, wrong, f"x%2F{wrong}")
    ]

    assert statuses == [202, 401, 404]
    wait_for(lambda: "".join(api.raw).count("/webhooks/jenkins/ci/[secret]") >= 6)
    assert JENKINS_SECRET not in "".join(api.raw)
    assert wrong not in "".join(api.raw)


def test_what_is_too_large_is_refused_before_it_was_sent(api: Api) -> None:
    with connect(api) as connection:
        head = f"POST /webhooks/github/github.com HTTP/1.1\r\nHost: {api.address}\r\nContent-Length: 26214400\r\n"
        connection.sendall(f"{head}X-Hub-Signature-256: sha256=0\r\n\r\n".encode())

        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_bodies_that_never_end_are_given_up_and_hold_nobody_else_up(api: Api) -> None:
    began = time.monotonic()
    head = f"POST /webhooks/github/github.com HTTP/1.1\r\nHost: {api.address}\r\nX-Hub-Signature-256: sha256=0\r\n"
    stalled = [connect(api) for _ in range(MOST_LARGE_BODIES + 1)]
    try:
        for connection in stalled:
            connection.sendall(f"{head}Content-Length: 5000000\r\n\r\n123".encode())
        body = b'{"while": "they wait"}'

        assert post(api, "/webhooks/github/github.com", body, github_headers(body)) == 202
        assert time.monotonic() - began < BODY_SECONDS / 2
        statuses = sorted(connection.recv(100)[9:12] for connection in stalled)
    finally:
        for connection in stalled:
            connection.close()

    assert statuses == [b"408"] * MOST_LARGE_BODIES + [b"503"]


def test_a_burst_is_answered_and_stored_every_one_of_it(api: Api, database: Engine) -> None:
    bodies = [json.dumps({"burst": number}).encode() for number in range(300)]
    requests = [
        f"POST /webhooks/github/github.com HTTP/1.1\r\nHost: {api.address}\r\nContent-Length: {len(body)}\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in github_headers(body).items())
        + f"Connection: close\r\n\r\n{body.decode()}"
        for body in bodies
    ]
    connections = [connect(api) for _ in requests]
    try:
        for connection, request in zip(connections, requests, strict=True):
            connection.sendall(request.encode())
        statuses = [connection.recv(12)[9:] for connection in connections]
    finally:
        for connection in connections:
            connection.close()

    assert statuses == [b"202"] * len(bodies)
    with database.connect() as stored:
        assert stored.scalar(text("SELECT count(*) FROM receipts WHERE body ? 'burst'")) == len(bodies)


@pytest.mark.parametrize("instance", ["github.com", "gitlab.com", "ci"])
def test_the_commands_own_test_is_believed(api: Api, config: Path, instance: str) -> None:
    environ = os.environ | {"OBSERVATORY_SERVER__BASE_URL": f"http://{api.address}"}
    command = [sys.executable, "-m", "cli.main", "webhooks", "test", instance, "--config", str(config)]

    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)

    assert done.stdout.startswith(f"{instance}: 202 Accepted: stored as receipt "), done.stderr
    assert done.returncode == 0
