"""Who sent a webhook: the providers' own examples, and everything that is nearly right."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from collectors import COLLECTORS
from shared.signatures import (
    SCHEMES,
    Proof,
    Verdict,
    github_signature,
    signing_key,
    standard_signature,
    verify,
    what_is_wrong,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GITHUB_SECRET = "It's a Secret to Everybody"
GITHUB_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

# The example of the Standard Webhooks specification (standardwebhooks.com).
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD_BODY = b'{"test": 2432232314}'
STANDARD_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
STANDARD_AT = datetime.fromtimestamp(1614265330, UTC)
STANDARD_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def github(signature: str | None, body: bytes = b"Hello, World!", *secrets: str) -> Verdict:
    headers = {} if signature is None else {"x-hub-signature-256": signature}
    return verify("github", Proof(body, headers), secrets or (GITHUB_SECRET,), NOW)


def standard(
    signature: str = STANDARD_SIGNATURE, at: datetime = STANDARD_AT, changed: Mapping[str, str] = MappingProxyType({})
) -> Verdict:
    headers = {
        "webhook-id": STANDARD_ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": signature,
    } | {f"webhook-{name}": value for name, value in changed.items()}
    return verify("gitlab", Proof(STANDARD_BODY, headers), (STANDARD_SECRET,), at)


def test_every_kind_of_provider_says_how_it_proves_itself() -> None:
    assert set(SCHEMES) == set(COLLECTORS)


def test_githubs_own_example_is_right() -> None:
    assert github_signature(GITHUB_SECRET, b"Hello, World!") == GITHUB_SIGNATURE
    assert github(GITHUB_SIGNATURE) is Verdict.VALID


@pytest.mark.parametrize(
    ("signature", "verdict"),
    [
        (None, Verdict.MISSING),
        ("", Verdict.MISSING),
        (GITHUB_SIGNATURE.upper(), Verdict.WRONG),
        (GITHUB_SIGNATURE[:-1], Verdict.WRONG),
        (f"{GITHUB_SIGNATURE}0", Verdict.WRONG),
        (f" {GITHUB_SIGNATURE}", Verdict.WRONG),
        (GITHUB_SIGNATURE.removeprefix("sha256="), Verdict.WRONG),
        (GITHUB_SIGNATURE.replace("sha256", "sha1"), Verdict.WRONG),
        (GITHUB_SIGNATURE.replace("7", "\u0667"), Verdict.WRONG),
        ("sha256=" + "\xff" * 64, Verdict.WRONG),
        ("sha256=" + "0" * 100_000, Verdict.WRONG),
    ],
)
def test_what_is_nearly_githubs_signature_is_none(signature: str | None, verdict: Verdict) -> None:
    assert github(signature) is verdict


def test_every_flipped_bit_of_a_body_is_noticed() -> None:
    body = b"Hello, World!"

    for place in range(len(body) * 8):
        flipped = bytearray(body)
        flipped[place // 8] ^= 1 << place % 8
        assert github(GITHUB_SIGNATURE, bytes(flipped)) is Verdict.WRONG


def test_the_sha1_header_is_not_looked_at() -> None:
    headers = {"x-hub-signature": "sha1=whatever"}

    assert verify("github", Proof(b"", headers), (GITHUB_SECRET,), NOW) is Verdict.MISSING


def test_either_of_two_secrets_vouches_and_no_secret_never_does() -> None:
    assert github(GITHUB_SIGNATURE, b"Hello, World!", "the new one", GITHUB_SECRET) is Verdict.VALID
    assert github(GITHUB_SIGNATURE, b"Hello, World!", GITHUB_SECRET, "the old one") is Verdict.VALID
    assert verify("github", Proof(b"", {"x-hub-signature-256": "x"}), (), NOW) is Verdict.MISSING


@pytest.mark.parametrize(
    ("presented", "secret", "verdict"),
    [
        ("the-token", "the-token", Verdict.VALID),
        ("the-tokeN", "the-token", Verdict.WRONG),
        ("", "the-token", Verdict.MISSING),
        ("pässwort".encode().decode("latin-1"), "pässwort", Verdict.VALID),
    ],
)
def test_gitlabs_token_is_the_secret_itself(presented: str, secret: str, verdict: Verdict) -> None:
    assert verify("gitlab", Proof(b"{}", {"x-gitlab-token": presented}), (secret,), NOW) is verdict


def test_the_example_of_standard_webhooks_is_right() -> None:
    assert standard() is Verdict.VALID


def test_one_of_several_signatures_is_enough() -> None:
    assert standard(f"v1,AAAA v1a,BBBB {STANDARD_SIGNATURE}") is Verdict.VALID


@pytest.mark.parametrize(
    "signature", ["v1,AAAA", STANDARD_SIGNATURE.replace("v1,", "v2,"), STANDARD_SIGNATURE[3:], "v1", "," * 100]
)
def test_what_is_nearly_a_standard_signature_is_none(signature: str) -> None:
    assert standard(signature) is Verdict.WRONG


@pytest.mark.parametrize("changed", [{"id": "msg_other"}, {"timestamp": "1614265331"}, {"timestamp": "٣"}])
def test_id_and_timestamp_are_signed_too(changed: dict[str, str]) -> None:
    assert standard(changed=changed) is Verdict.WRONG


@pytest.mark.parametrize("name", ["id", "timestamp", "signature"])
def test_without_one_of_the_three_headers_there_is_no_proof(name: str) -> None:
    assert standard(changed={name: ""}) is Verdict.MISSING


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(300, Verdict.VALID), (-300, Verdict.VALID), (301, Verdict.STALE), (-301, Verdict.STALE)],
)
def test_a_signed_timestamp_may_be_five_minutes_off(seconds: int, verdict: Verdict) -> None:
    assert standard(at=STANDARD_AT + timedelta(seconds=seconds)) is verdict


@pytest.mark.parametrize("timestamp", ["1e9", "-1", "nan", "1614265330.0", " 1614265330", "9" * 400])
def test_a_timestamp_that_is_none_is_stale_even_where_it_is_signed(timestamp: str) -> None:
    key = base64.b64decode(STANDARD_SECRET.removeprefix("whsec_"))
    signature = standard_signature(key, STANDARD_ID, timestamp, STANDARD_BODY)

    assert standard(signature, changed={"timestamp": timestamp}) is Verdict.STALE


def test_a_signing_secret_is_never_taken_for_a_plain_token() -> None:
    headers = {"x-gitlab-token": STANDARD_SECRET}

    assert verify("gitlab", Proof(b"{}", headers), (STANDARD_SECRET,), NOW) is Verdict.MISSING


@pytest.mark.parametrize(
    ("presented", "verdict"), [("s3", Verdict.VALID), ("s4", Verdict.WRONG), (None, Verdict.MISSING)]
)
def test_jenkins_is_known_by_the_end_of_its_address(presented: str | None, verdict: Verdict) -> None:
    assert verify("jenkins", Proof(b"{}", {}, presented), ("s3",), NOW) is verdict


def test_a_proof_does_not_show_itself() -> None:
    shown = repr(Proof(b"body", {"x-gitlab-token": "header"}, "path"))

    assert shown == "Proof()"


@pytest.mark.parametrize(
    ("kind", "secret", "is_right"),
    [
        ("github", "anything at all", True),
        ("gitlab", "anything at all", True),
        ("gitlab", STANDARD_SECRET, True),
        ("gitlab", "whsec_", False),
        ("gitlab", "whsec_not base64", False),
        ("jenkins", "A-z.0_9~", True),
        ("jenkins", "with/slash", False),
        ("jenkins", "with space", False),
    ],
)
def test_a_secret_that_cannot_serve_is_a_mistake_told_without_it(kind: str, secret: str, is_right: bool) -> None:
    problem = what_is_wrong(kind, secret)

    assert (problem is None) == is_right
    assert problem is None or secret.removeprefix("whsec_") == "" or secret not in problem


def test_a_key_may_come_without_its_padding() -> None:
    assert signing_key("whsec_YQ") == signing_key("whsec_YQ==") == b"a"
