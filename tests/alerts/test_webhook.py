"""Webhooks of your own: which addresses are accepted, what is posted, that anybody's verifier believes it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from alerts import RECEIVERS
from alerts.receivers.webhook import DEADLINE_SECONDS, OutgoingWebhookSettings
from alerts.receivers.webhook_body import as_body
from shared.config.settings import load
from shared.errors import ConfigError, ReceiverGone, RetryLater
from shared.secret import SecretSource
from tests.alerts.messages import a_digest, a_group, a_notice, a_trial
from tests.alerts.receivers.webhook import BASE_URL, KEY, WebhookStand
from tests.alerts.stand import Said

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def hook() -> Iterator[WebhookStand]:
    with WebhookStand() as hook:
        yield hook


def configured(tmp_path: Path, *lines: str, **environ: str) -> OutgoingWebhookSettings:
    """The settings of a table with these lines; `URL` is a good address unless told otherwise."""
    file = tmp_path / "config.toml"
    table = "\n".join(("url_env = 'URL'", *lines))
    file.write_text(f'[[receivers]]\nkind = "webhook"\nname = "hook"\n{table}\n')
    told = {"URL": "https://hooks.example.com/canary-12345"} | environ
    (settings,) = load(file, receivers=RECEIVERS, environ=told).receivers
    assert isinstance(settings, OutgoingWebhookSettings)
    return settings


def test_what_is_posted_is_believed_by_the_verifier_of_standard_webhooks(hook: WebhookStand) -> None:
    hook.receiver().send(a_notice(), is_possible_repeat=False)

    [post] = hook.posts
    assert post.headers["content-type"] == "application/json"
    body = Webhook(KEY).verify(post.body, dict(post.headers))
    assert body["title"] == "acme/web ci broke on main"
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(KEY).verify(post.body.replace(b"main", b"evil"), dict(post.headers))


def test_a_repeat_keeps_its_id_and_gets_a_signature_of_its_own(hook: WebhookStand) -> None:
    hook.take_and_reset()
    with pytest.raises(RetryLater):
        hook.receiver().send(a_notice(), is_possible_repeat=False)
    hook.receiver().send(a_notice(), is_possible_repeat=True)
    hook.receiver().send(a_notice(failures=2), is_possible_repeat=False)

    first, again, other = hook.posts
    assert first.headers["webhook-id"] == again.headers["webhook-id"] != other.headers["webhook-id"]
    assert first.headers["webhook-id"].startswith("msg_")
    assert "." not in first.headers["webhook-id"]
    assert Webhook(KEY).verify(again.body, dict(again.headers))["is_possible_repeat"] is True


def test_without_a_secret_nothing_is_signed_and_the_id_is_there_all_the_same(hook: WebhookStand) -> None:
    hook.receiver(secret=SecretSource()).send(a_notice(), is_possible_repeat=False)

    [post] = hook.posts
    assert "webhook-signature" not in post.headers
    assert post.headers["webhook-id"]
    assert abs(datetime.now(UTC).timestamp() - int(post.headers["webhook-timestamp"])) < 60


def test_the_key_is_read_anew_for_every_message(hook: WebhookStand, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    receiver = hook.receiver(secret=SecretSource(file=file))

    file.unlink()
    with pytest.raises(RetryLater, match="cannot be read"):
        receiver.send(a_notice(), is_possible_repeat=False)
    file.write_text("whsec_tooshort")
    with pytest.raises(RetryLater, match="the secret cannot sign"):
        receiver.send(a_notice(), is_possible_repeat=False)
    file.write_text(KEY)
    receiver.send(a_notice(), is_possible_repeat=False)

    assert len(hook.posts) == 1


def test_a_machine_finds_every_field_of_the_news(hook: WebhookStand) -> None:
    hook.receiver().send(a_notice("fixed", usual_seconds=290.0), is_possible_repeat=False)

    body = json.loads(hook.posts[0].body)
    assert body["version"] == 1
    assert (body["kind"], body["tone"], body["counts"]) == ("news", "good", {"fixed": 1})
    assert body["url"] == f"{BASE_URL}/api/deliveries/12"
    assert body["thread"] == "incident-7"
    [message] = body["messages"]
    wanted = {"incident_id": 7, "repository": "acme/web", "pipeline": "ci", "branch": "main", "status": "succeeded"}
    wanted |= {"build_id": 7, "number": 412, "attempt": 1, "author": "ada", "commit_message": "Fix the login form"}
    wanted |= {"duration_seconds": 300.0, "usual_seconds": 290.0, "url": f"{BASE_URL}/api/builds/7"}
    assert wanted.items() <= message.items()
    assert message["broken_since"].endswith("Z")


def test_a_storm_carries_twenty_messages_and_counts_all(hook: WebhookStand) -> None:
    hook.receiver().send(a_group(broke=980, fixed=20), is_possible_repeat=False)

    body = json.loads(hook.posts[0].body)
    assert body["counts"] == {"broke": 980, "fixed": 20}
    assert len(body["messages"]) == len(body["sections"][0]["lines"]) == 20
    assert body["sections"][0]["more"] == 980


def test_a_digest_and_a_trial_have_the_same_shape(hook: WebhookStand) -> None:
    for notice in (a_digest(), a_trial()):
        hook.receiver().send(notice, is_possible_repeat=False)

    digest, trial = (json.loads(post.body) for post in hook.posts)
    assert [section["title"] for section in digest["sections"]] == ["Still broken", "Not told"]
    assert trial["url"] is None
    assert digest.keys() == trial.keys()


def test_the_documentation_shows_the_body_as_it_is() -> None:
    text = (ROOT / "docs/webhook-receiver.md").read_text()
    shown = json.loads(text.partition("```json\n")[2].partition("\n```")[0])

    body = as_body(a_notice(), BASE_URL, is_possible_repeat=False)

    assert shown == json.loads(json.dumps(body, default=lambda instant: f"{instant:%Y-%m-%dT%H:%M:%SZ}"))


def test_a_redirect_is_not_followed(hook: WebhookStand) -> None:
    with WebhookStand() as elsewhere:
        hook.say(Said(307, headers={"Location": f"http://127.0.0.1:{elsewhere.port}/"}))

        with pytest.raises(RetryLater, match="307, a redirect, which is not followed"):
            hook.receiver().send(a_notice(), is_possible_repeat=False)

        assert elsewhere.heard == []


def test_who_is_not_let_in_is_told_what_to_look_at(hook: WebhookStand) -> None:
    hook.say(Said(401))

    with pytest.raises(ReceiverGone, match=r"answered 401: .*check url and secret"):
        hook.receiver().send(a_notice(), is_possible_repeat=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/canary-12345",
        "ftp://hooks.example.com/canary-12345",
        "hooks.example.com/canary-12345",
        "https:///canary-12345",
        "https://user:word@hooks.example.com/canary-12345",
        "https://hooks.example.com/canary-12345#y",
        "https://hooks.example.com/canary 12345",
        "https://hooks.example.com:notaport/canary-12345",
        "https://169.254.169.254/canary-12345",
        "https://[fe80::1]/canary-12345",
        "https://[::ffff:169.254.169.254]/canary-12345",
        "http://169.254.169.254/canary-12345",
    ],
)
def test_an_address_that_could_leak_the_message_is_refused_without_showing_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"receivers\[0\]\.url.*: is no address that may be posted to") as caught:
        configured(tmp_path, URL=url)

    assert "12345" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://10.0.0.7/x", "http://127.0.0.1:9/x", "http://[::1]/x", "http://localhost/x"])
def test_a_companys_own_network_and_this_machine_are_accepted(tmp_path: Path, url: str) -> None:
    assert configured(tmp_path, URL=url).url.get_secret_value() == url


def test_a_name_that_leads_to_a_forbidden_address_is_not_posted_to(tmp_path: Path) -> None:
    settings = configured(tmp_path, URL="https://2852039166/latest")  # 169.254.169.254 as one number

    with pytest.raises(RetryLater, match="could not be reached"):
        settings.open(BASE_URL).send(a_notice(), is_possible_repeat=False)


@pytest.mark.parametrize("secret", ["plain-words", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ="])
def test_a_secret_that_cannot_sign_is_refused_with_how_to_make_one(tmp_path: Path, secret: str) -> None:
    with pytest.raises(ConfigError, match=r"receivers\[0\]\.secret.*: names a secret that cannot sign.*openssl"):
        configured(tmp_path, 'secret_env = "SIGN"', SIGN=secret)


def test_the_configuration_names_address_and_secret_and_holds_neither(tmp_path: Path) -> None:
    settings = configured(tmp_path, 'secret_env = "SIGN"', 'format = "cdevents"', SIGN=KEY)

    assert "canary-12345" not in repr(settings)
    assert KEY not in repr(settings)
    with pytest.raises(ConfigError, match=r"receivers\[0\].format: must be one of 'json' or 'cdevents'"):
        configured(tmp_path, 'format = "xml"')


def test_a_message_has_eight_seconds_in_all() -> None:
    assert DEADLINE_SECONDS == 8


def test_every_field_is_json(hook: WebhookStand) -> None:
    body: dict[str, Any] = as_body(a_group(), BASE_URL, is_possible_repeat=True)

    assert body["text"].startswith("possible repeat: 3 pipelines broke\n\n* broke: acme/web ci-1 on main")
