"""A secret is found by its known value and by its shape; what is none stays readable."""

import pytest

from shared.log.redaction import MASK, looks_like_secret, redact, register_secret
from shared.secret import SecretSource

BODY = "0123456789abcdefghijABCDEFGHIJ012345"


@pytest.mark.parametrize(
    "secret",
    [
        f"ghp_{BODY}",
        f"ghs_{BODY}",
        f"ghs_4100011_eyJhbGciOi.{BODY}.a-b_c",
        f"gho_{BODY}",
        f"-----BEGIN RSA PRIVATE KEY-----\\n{BODY}\\n{BODY}==\\n-----END RSA PRIVATE KEY-----",
        f"github_pat_11ABCDEFG0_{BODY}",
        f"glpat-{BODY[:20]}",
        f"glpat-{BODY[:24]}.01.0w0abc12d",
        f"glrt-{BODY[:20]}",
        "xoxb-123456789012-1234567890123-AbCdEf",
        "xapp-1-A111-222-abcdef",
        f"bo_live_12345678_{BODY}abcdefg_abc123",
        "https://hooks.slack.com/services/T000/B000/XXXXXXXX",
        "hooks.slack.com/workflows/T000/A000/1/XXXX",
    ],
)
def test_a_token_is_masked_by_its_shape_wherever_it_stands(secret: str) -> None:
    for text in (secret, f"GET /x?token={secret}&page=2", f"({secret!r}, 3)", f"error:\n{secret}\nend"):
        assert secret not in redact(text)
        assert MASK in redact(text)
    assert looks_like_secret(secret)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc.def-ghi", f"Authorization: Bearer {MASK}"),
        ("authorization: token abcdef", f"authorization: token {MASK}"),
        ("POST /webhooks/jenkins/ci/s3cr3t?x=1", f"POST /webhooks/jenkins/ci/{MASK}?x=1"),
        ("'/webhooks//Jenkins/ci//s3%2Fcr3t/'", f"'/webhooks//Jenkins/ci//{MASK}'"),
        ("/webhooks/github/github.com", "/webhooks/github/github.com"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz', 'x': 1}", f"{{'Authorization': 'Basic {MASK}', 'x': 1}}"),
        ('"authorization": "abc"', f'"authorization": "{MASK}"'),
        ("(b'authorization', b'Bearer abcdefghijklmn')", f"(b'authorization', b'Bearer {MASK}')"),
        ("PRIVATE-TOKEN: abcdef", f"PRIVATE-TOKEN: {MASK}"),
        ("postgresql://me:pass@db/x", f"postgresql://{MASK}@db/x"),
        ("https://token@ci.example.com/a@b", f"https://{MASK}@ci.example.com/a@b"),
        ("https://a:b@one https://c:d@two", f"https://{MASK}@one https://{MASK}@two"),
        ("postgresql://me:p@ss@db/x", f"postgresql://{MASK}@db/x"),
    ],
)
def test_headers_and_the_user_part_of_an_address_are_masked(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "polled acme/web, 3 builds",
        "https://github.com/acme/web/actions/runs/100?page=2",
        "mail ada@example.com about the token of github.com",
        "3f786850e387550fdab836ed7e6dc881de23001b",
        "GHP_ and glpat- are prefixes",
        "the token is accepted, with the scopes repo",
        "this needs authorization, please",
        "basic auth is off; bearer of bad news",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert redact(text) == text
    assert not looks_like_secret(text)


def test_a_secret_that_was_read_is_masked_from_then_on() -> None:
    assert redact("plain-but-secret-1 seen") == "plain-but-secret-1 seen"

    SecretSource(env="X", environ={"X": "plain-but-secret-1"}).read()

    assert redact("plain-but-secret-1 seen, and plain-but-secret-1") == f"{MASK} seen, and {MASK}"


def test_of_two_known_secrets_the_longer_one_is_masked_whole() -> None:
    register_secret("known-secret-2")
    register_secret("known-secret-2-longer")

    assert redact("known-secret-2-longer") == MASK


def test_a_value_too_short_to_be_a_secret_is_not_searched_for() -> None:
    register_secret("main")

    assert redact("main") == "main"
