"""Senders of webhooks for tests: three configured installations and how each of them proves who it is."""

import base64
import json
from collections.abc import Mapping

from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from api.app import create_app
from shared.config.settings import Config, ProviderSettings, ServerSettings
from shared.secret import SecretSource
from shared.signatures import github_signature

GITHUB_SECRET = "the-secret-of-github-com"
PREVIOUS_SECRET = "the-secret-before-that-one"
GITLAB_TOKEN = "the-token-of-gitlab-com"
SIGNING_KEY = b"0123456789abcdef0123456789abcdef"
SIGNING_SECRET = f"whsec_{base64.b64encode(SIGNING_KEY).decode()}"
JENKINS_SECRET = "the-end-of-the-address"

ENVIRON = {
    "GITHUB": GITHUB_SECRET,
    "BEFORE": PREVIOUS_SECRET,
    "GITLAB": GITLAB_TOKEN,
    "SIGNING": SIGNING_SECRET,
    "JENKINS": JENKINS_SECRET,
}


def secret(name: str) -> SecretSource:
    """A source that reads one of ENVIRON."""
    return SecretSource(env=name, environ=ENVIRON)


def a_provider(kind: str, name: str, webhook_secret: str | None, previous: str | None = None) -> ProviderSettings:
    """A configured installation; None takes no webhooks."""
    given = {"webhook_secret": webhook_secret, "webhook_previous_secret": previous}
    secrets = {key: secret(value) for key, value in given.items() if value is not None}
    return ProviderSettings.model_validate({"kind": kind, "name": name, "base_url": "https://ci.example.com"} | secrets)


PROVIDERS = (
    a_provider("github", "github.com", "GITHUB", "BEFORE"),
    a_provider("github", "silent", None),
    a_provider("gitlab", "gitlab.com", "GITLAB"),
    a_provider("gitlab", "signing", "SIGNING"),
    a_provider("jenkins", "ci", "JENKINS"),
)


def an_inbox(
    engine: Engine, providers: tuple[ProviderSettings, ...] = PROVIDERS, server: ServerSettings | None = None
) -> FlaskClient:
    """A client of an application that takes their webhooks."""
    return create_app(Config(server=server or ServerSettings(), providers=providers), engine).test_client()


def github_headers(body: bytes, *, event: str = "workflow_run", secret: str = GITHUB_SECRET) -> dict[str, str]:
    """What GitHub sends with a body."""
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-Hub-Signature-256": github_signature(secret, body),
    }


def send(
    client: FlaskClient,
    body: object,
    *,
    to: str = "/webhooks/github/github.com",
    headers: Mapping[str, str] | None = None,
    address: str = "203.0.113.7",
) -> TestResponse:
    """POST a body (JSON, unless it is bytes), as GitHub would unless other headers are given."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = github_headers(raw) if headers is None else dict(headers)
    return client.post(to, data=raw, headers=given, environ_overrides={"REMOTE_ADDR": address})
