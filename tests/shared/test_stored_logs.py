"""Stored logs: any piece of them is what the text has there, and a log that was replaced is not read on."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from shared.log_blocks import BLOCK_BYTES, inflate, pack
from shared.stored_logs import LogReplaced, StoredLog, list_logs, read_piece, store
from tests.api.serving import a_world
from tests.factories import a_build
from tests.stored_logs import a_log

TEXT = random.Random(7).randbytes(3 * BLOCK_BYTES + 17)


def kept(engine: Engine, *texts: bytes) -> list[StoredLog]:
    a_world(engine).record(a_build())
    with Session(engine) as session, session.begin():
        store(session, 1, 1, [a_log(text, part=str(place), place=place) for place, text in enumerate(texts)])
        return list_logs(session, 1, 1)


@settings(max_examples=50)
@given(st.binary(max_size=3000))
def test_blocks_hold_the_text(text: bytes) -> None:
    content, ends = pack(text)

    assert b"".join(inflate(content)) == text
    assert len(ends) == (1 if text else 0)


def test_any_piece_is_what_the_text_has_there(database: Engine) -> None:
    (log,) = kept(database, TEXT)
    dice = random.Random(3)
    pieces = [sorted(dice.choices(range(len(TEXT) + 1), k=2)) for _ in range(25)]
    pieces += [[0, 0], [0, 1], [BLOCK_BYTES - 1, BLOCK_BYTES + 1], [BLOCK_BYTES, 2 * BLOCK_BYTES], [0, len(TEXT)]]

    with Session(database) as session:
        for start, end in pieces:
            assert read_piece(session, log, start, end) == TEXT[start:end], (start, end)


def test_logs_come_in_their_order_and_one_can_be_asked_for(database: Engine) -> None:
    logs = kept(database, b"a", b"", b"c")

    assert [(log.part, log.text_bytes) for log in logs] == [("0", 1), ("1", 0), ("2", 1)]
    with Session(database) as session:
        assert [log.part for log in list_logs(session, 1, 1, "2")] == ["2"]
        assert list_logs(session, 1, 2) == []


def test_a_log_that_was_replaced_is_not_read_on(database: Engine) -> None:
    (old,) = kept(database, b"old")
    with Session(database) as session, session.begin():
        store(session, 1, 1, [a_log(b"new and longer", part="0")])

    with Session(database) as session, pytest.raises(LogReplaced):
        read_piece(session, old, 0, 3)
