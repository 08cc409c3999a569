"""The pure half of `/ws`: what a client may say, what passes a filter, and the shape of what it gets."""

import contextlib
import json
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import subscription
from api.subscription import FILTER_KEYS, SUBSCRIBE_KEYS, BadMessage, CloseCode, Filter, Subscribe, parse_subscribe

EPOCH = uuid.UUID("8b7a19f9-0a74-4947-a935-5cb23cc5f5e6")

FACTS = {
    "provider": "github",
    "instance": "github.com",
    "project": "default",
    "repository": "acme/web",
    "branch": "main",
    "pipeline_id": 7,
    "build_id": 100,
}


def test_a_full_wish_is_understood() -> None:
    text = json.dumps(
        {"type": "subscribe", "epoch": str(EPOCH), "since": 5, "filter": {"branch": "main"}, "include_backfill": True}
    )

    assert parse_subscribe(text) == Subscribe(Filter((("branch", "main"),)), EPOCH, 5, include_backfill=True)


def test_a_wish_without_a_place_begins_at_the_head() -> None:
    wish = parse_subscribe('{"type": "subscribe"}')

    assert (wish.epoch, wish.since, wish.filter) == (None, None, Filter())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("subscribe", "not JSON"),
        ("[1]", "a message is a JSON object"),
        ("{}", '"type": "subscribe"'),
        ('{"type": "publish"}', '"type": "subscribe"'),
        ('{"type": "subscribe", "since": 5}', '"epoch"'),
        ('{"type": "subscribe", "epoch": "x", "since": 5}', "take it from `hello`"),
        (f'{{"type": "subscribe", "epoch": "{EPOCH}"}}', '"since"'),
        (f'{{"type": "subscribe", "epoch": "{EPOCH}", "since": -1}}', "from 0 on"),
        (f'{{"type": "subscribe", "epoch": "{EPOCH}", "since": true}}', "whole number"),
        ('{"type": "subscribe", "filter": "main"}', '"filter" is an object'),
        ('{"type": "subscribe", "filter": {"brunch": "main"}}', "it can hold provider, instance"),
        ('{"type": "subscribe", "filter": {"branch": 5}}', '"branch" in the filter is a text'),
        ('{"type": "subscribe", "filter": {"build_id": "5"}}', '"build_id" in the filter is a whole number'),
        ('{"type": "subscribe", "include_backfill": 1}', "true or false"),
        ('{"type": "subscribe", "pos": 1}', 'unknown in subscribe: "pos"'),
    ],
)
def test_a_wish_that_cannot_be_understood_says_what_would_be_right(text: str, words: str) -> None:
    with pytest.raises(BadMessage) as raised:
        parse_subscribe(text)

    assert words in str(raised.value)


@given(st.text(max_size=200) | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(str))
def test_whatever_a_client_says_is_understood_or_refused(text: str) -> None:
    with contextlib.suppress(BadMessage):
        assert isinstance(parse_subscribe(text), Subscribe)


def test_a_deeply_nested_message_is_refused() -> None:
    with pytest.raises(BadMessage):
        parse_subscribe("[" * 4000)


@pytest.mark.parametrize("key", FILTER_KEYS)
def test_every_key_of_a_filter_decides(key: str) -> None:
    matching = Filter(((key, FACTS[key]),))  # type: ignore[arg-type]
    other = 8 if isinstance(FACTS[key], int) else "other"

    assert matching.passes(FACTS)
    assert not matching.passes({**FACTS, key: other})
    assert not matching.passes({})


def test_a_filter_asks_for_all_its_terms_and_an_empty_one_for_nothing() -> None:
    both = Filter((("branch", "main"), ("provider", "gitlab")))

    assert not both.passes(FACTS)
    assert Filter().passes({})


def test_the_answer_repeats_the_filter_as_it_was_said() -> None:
    wish = parse_subscribe('{"type": "subscribe", "filter": {"build_id": 5, "branch": "main"}}')

    answer = json.loads(subscription.subscribed(12, wish))

    assert answer == {"type": "subscribed", "since": 12, "filter": {"branch": "main", "build_id": 5}}


def test_the_guide_names_every_key_and_every_code() -> None:
    guide = (Path(__file__).parents[2] / "docs/stream.md").read_text()

    missing = [
        word for word in (*FILTER_KEYS, *SUBSCRIBE_KEYS) if f"`{word}`" not in guide and f'"{word}"' not in guide
    ]
    assert missing == []
    assert [code for code in CloseCode if f"| {code} |" not in guide] == []
