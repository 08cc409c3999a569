"""What of a webhook's body is kept: no secret, nothing the database refuses, nothing without end."""

import json
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.log.redaction import register_secret
from shared.webhook_body import DEEPEST, keep
from tests.recorded import recorded

READ = ("id", "html_url", "head_sha", "updated_at", "run_attempt")
TOKEN = "ghp_" + "A1" * 18


def kept(value: object, provider: str = "github") -> Any:
    """What is kept of a value sent as JSON."""
    found = keep(json.dumps(value).encode(), "application/json", provider)
    assert found.reason is None
    assert found.json is not None
    return orjson.loads(found.json)


def test_what_holds_no_secret_is_kept_as_it_is() -> None:
    body = {"action": "completed", "n": [1, -2.5, True, None, "é \U0001f600"], "html_url": "https://github.com/a/b"}

    assert kept(body) == body


@pytest.mark.parametrize("key", ["token", "access_token", "Password", "client_secret", "Authorization", "apikey"])
def test_a_value_whose_key_speaks_of_a_secret_is_masked_whatever_it_is(key: str) -> None:
    assert kept({"in": [{key: {"deep": "x"}}]}) == {"in": [{key: "[secret]"}]}
    assert kept({"in": [{key: None}]}) == {"in": [{key: None}]}


def test_variables_parameters_and_logs_are_dropped_where_they_are_somebody_elses() -> None:
    body = {"variables": [{"key": "A", "value": "x"}], "build": {"parameters": {"A": "x"}, "log": "x", "number": 7}}

    assert kept(body, "jenkins") == {"variables": body["variables"], "build": {"number": 7}}
    assert kept(body, "gitlab") == {"build": body["build"]}


def test_addresses_nobody_reads_are_dropped_and_those_people_open_are_kept() -> None:
    body = {"url": "u", "html_url": "h", "web_url": "w", "build": {"full_url": "f"}, "jobs_url": "j", "avatar_url": "a"}

    assert kept(body) == {"url": "u", "html_url": "h", "web_url": "w", "build": {"full_url": "f"}}


def test_secrets_are_masked_by_their_shape_and_by_their_value_wherever_they_stand() -> None:
    register_secret("a-known-value")
    body = {"message": f"use {TOKEN}", "a-known-value": ["x a-known-value y"], "clone": "https://u:pw@h.example/x"}

    assert kept(body) == {
        "message": "use [secret]",
        "[secret]": ["x [secret] y"],
        "clone": "https://[secret]@h.example/x",
    }


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": "x\\u0000y"}', "x\ufffdy"),
        (b'{"a": "x\\ud800y"}', "x\ufffdy"),
        (b'{"a": 123456789012345678901234567890}', 1.2345678901234568e29),
        (b'{"a": 1e999}', "1e999"),
        (b'{"a": "\xff"}', "\ufffd"),
    ],
)
def test_what_the_database_refuses_is_replaced(raw: bytes, value: object) -> None:
    found = keep(raw, "application/json", "github")

    assert found.json is not None
    assert orjson.loads(found.json) == {"a": value}


def test_what_is_nested_without_end_ends() -> None:
    found = keep(b'{"a":[' * 400 + b'"bottom"' + b"]}" * 400, "application/json", "github")

    assert found.json is not None
    assert found.json.count(b"{") + found.json.count(b"[") == DEEPEST
    assert b"bottom" not in found.json


@pytest.mark.parametrize(
    ("raw", "content_type", "words"),
    [
        (b"", "application/json", "could not be read"),
        (b"<html>", "application/json", "could not be read"),
        (b'{"a": 1', "", "could not be read"),
        (b"[" * 100_000, "", "could not be read"),
        (b"7", "", "no object"),
        (b"other=1", "application/x-www-form-urlencoded", "no field called payload"),
        (b"a=1&" * 100, "application/x-www-form-urlencoded", "no field called payload"),
        (b"payload=[]", "application/x-www-form-urlencoded; charset=utf-8", "no object"),
    ],
)
def test_what_is_no_json_object_is_told_in_words(raw: bytes, content_type: str, words: str) -> None:
    found = keep(raw, content_type, "github")

    assert found.json is None
    assert words in (found.reason or "")


def test_a_form_brings_the_same_as_json() -> None:
    raw = f"payload={quote(json.dumps({'a': 'é & ü'}))}".encode()

    found = keep(raw, "application/x-www-form-urlencoded", "github")

    assert found.json is not None
    assert orjson.loads(found.json) == {"a": "é & ü"}


def test_the_recorded_webhooks_keep_what_is_read_of_them() -> None:
    bodies = [json.loads(path.read_text()) for path in sorted((recorded("github") / "webhooks").glob("*.json"))]

    assert bodies
    for body in bodies:
        found = kept(body)
        assert found.keys() == body.keys()
        run = body.get("workflow_run", {})
        assert [found["workflow_run"][key] for key in READ if run] == [run[key] for key in READ if run]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(body=st.dictionaries(st.text(max_size=12), VALUES, max_size=4))
def test_any_object_is_kept_as_json_the_database_takes(body: dict[str, Any]) -> None:
    found = keep(json.dumps(body).encode(), "application/json", "gitlab")

    assert found.json is not None
    assert isinstance(orjson.loads(found.json), dict)
    assert b"\\u0000" not in found.json


@settings(max_examples=300, deadline=None)
@given(
    raw=st.binary(max_size=60),
    content_type=st.sampled_from(["", "application/json", "application/x-www-form-urlencoded"]),
)
def test_any_bytes_are_kept_or_told_in_words(raw: bytes, content_type: str) -> None:
    found = keep(raw, content_type, "jenkins")

    assert (found.json is None) != (found.reason is None)
