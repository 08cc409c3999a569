"""`observatory webhooks`: what to enter at the providers, and a signed test of our own."""

import http.client
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import click

from cli.configured import load_webhooks
from cli.failures import Failure, Mistaken, NotStarted
from cli.options import config_option, config_path, json_option
from cli.style import Command, Group
from cli.table import print_json, print_rows
from cli.webhook_entry import address, entries
from shared.config.settings import ProviderSettings
from shared.secret import SecretSource
from shared.signatures import SIGNING_KEY_PREFIX, github_signature, signing_key, standard_signature

TEST_SECONDS = 10


class ShowUnlessTold(Group):
    """A group whose `show` needs no name: `webhooks github.com` is `webhooks show github.com`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@dataclass(frozen=True, slots=True)
class Answer:
    """What our API said to a test."""

    status: int
    words: str


@click.group(cls=ShowUnlessTold)
def webhooks() -> None:
    """Show what to enter at the providers so that they tell us at once; send a signed test.

    `observatory webhooks [INSTANCE]` shows; without an instance, for every configured one.
    """


@webhooks.command(cls=Command)
@click.argument("instance", required=False)
@json_option
@config_option
@click.pass_context
def show(ctx: click.Context, instance: str | None, as_json: bool) -> None:
    """Show the address, the events and where the secret comes from, for INSTANCE or for all."""
    config = load_webhooks(config_path(ctx))
    chosen = None if instance is None else _named(config.providers, instance)
    found = [each for each in entries(config.providers, config.server.base_url) if chosen in (None, each.instance)]
    if as_json:
        print_json([each.document() for each in found])
        return
    if not found:
        click.echo("No provider is configured; docs/configuration.md shows how.")
    for each in found:
        print_rows(f"{each.instance} ({each.kind})", ("field", "remark"), each.rows())


@webhooks.command(cls=Command)
@click.argument("instance")
@json_option
@config_option
@click.pass_context
def test(ctx: click.Context, instance: str, as_json: bool) -> None:
    """Send a signed test for INSTANCE to our own API, at server.base_url, and say what came back.

    It changes nothing: it is stored and then ignored. Exit code 3: nothing answers there.
    """
    config = load_webhooks(config_path(ctx))
    name = _named(config.providers, instance)
    provider = next(each for each in config.providers if each.name == name)
    if provider.webhook_secret == SecretSource():
        raise Mistaken([f"{name} takes no webhooks"], f"`observatory webhooks {name}` says what to set.")
    secret = provider.webhook_secrets()[0]
    url = address(provider, config.server.base_url, secret)
    answer = _post(url, *signed_test(provider.kind, secret, now=time.time()))
    if as_json:
        print_json({"instance": name, "status": answer.status, "answer": answer.words})
    elif answer.status < 300:
        click.echo(f"{name}: {answer.status} {HTTPStatus(answer.status).phrase}: {answer.words}")
    if answer.status >= 300:
        raise Failure([f"{name}: the API answered {answer.status}: {answer.words}"])


def signed_test(kind: str, secret: str, *, now: float) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a webhook that proves itself as the provider's would and tells nothing. `now`: epoch, s."""
    marker = str(uuid.uuid4())
    body = json.dumps({"object_kind": "test", "zen": "A test of observatory's.", "marker": marker}).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "observatory"}
    if kind == "github":
        signature = github_signature(secret, body)
        return body, headers | {
            "X-GitHub-Event": "ping",
            "X-GitHub-Delivery": marker,
            "X-Hub-Signature-256": signature,
        }
    if kind == "gitlab":
        return body, headers | {"X-Gitlab-Event": "Test Hook"} | _gitlab_proof(secret, marker, str(int(now)), body)
    return body, headers


def _gitlab_proof(secret: str, marker: str, timestamp: str, body: bytes) -> dict[str, str]:
    key = signing_key(secret) if secret.startswith(SIGNING_KEY_PREFIX) else None
    if key is None:
        return {"X-Gitlab-Token": secret}
    signature = standard_signature(key, marker, timestamp, body)
    return {"webhook-id": marker, "webhook-timestamp": timestamp, "webhook-signature": signature}


def _named(providers: Sequence[ProviderSettings], instance: str) -> str:
    """The name itself, if one is called so; otherwise what there is."""
    names = [provider.name for provider in providers]
    if instance not in names:
        raise Mistaken([f"no provider is called {instance}; configured: {', '.join(names) or 'none'}"])
    return instance


def _post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TEST_SECONDS)
    where = f"{parts.scheme}://{parts.netloc}"
    try:
        connection.request("POST", parts.path, body, headers)
        answer = connection.getresponse()
        return Answer(answer.status, _words(answer.read(65_536)))
    except (OSError, http.client.HTTPException) as error:
        cure = "Start it with `observatory up`, or correct base_url under [server]."
        raise NotStarted([f"no API answers at {where}: {error}"], cure) from error
    finally:
        connection.close()


def _words(answer: bytes) -> str:
    """What an answer of ours says, or the beginning of whatever else answered."""
    try:
        document = json.loads(answer)
    except ValueError:
        return answer[:200].decode("utf-8", "replace")
    if isinstance(document, dict) and "id" in document:
        return f"stored as receipt {document['id']}"
    return str(document.get("detail", document) if isinstance(document, dict) else document)
