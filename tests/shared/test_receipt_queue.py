"""Receipts on their way: claimed once, settled under their fence, tried again with growing pauses, parked, purged."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import processes, receipt_queue
from shared.receipt_queue import BACK_OFF_SECONDS, Claim, Settlement, State
from shared.receipts import store
from tests.collectors.receiving import a_delivery

GITHUB = ["github.com"]


@pytest.fixture
def three(session: Session) -> Session:
    """Three receipts of github.com."""
    session.execute(text("INSERT INTO instances (name, provider, base_url) VALUES ('github.com', 'github', 'x')"))
    store(session, [a_delivery({"number": number}) for number in range(3)])
    return session


def claimed(session: Session, owner: str = "one", limit: int = 10) -> list[Claim]:
    return receipt_queue.claim(session, owner, GITHUB, limit)


def run(session: Session, statement: str) -> None:
    session.execute(text(statement))


def states(session: Session) -> Sequence[str]:
    return session.scalars(text("SELECT state FROM receipts ORDER BY id")).all()


def test_a_receipt_is_claimed_once_in_the_order_it_came(three: Session) -> None:
    first = claimed(three, limit=2)
    rest = claimed(three, "two")

    assert [claim.body for claim in (*first, *rest)] == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert (claimed(three), rest[0].tries) == ([], 1)
    assert receipt_queue.claim(three, "one", ["elsewhere"], 10) == []


def test_what_is_done_loses_its_body_and_what_is_parked_keeps_it(three: Session) -> None:
    done, ignored, parked = claimed(three)

    settled = receipt_queue.settle(
        three,
        [
            Settlement(claim=done, state=State.DONE, changed=1),
            receipt_queue.ignored(ignored, "not watched"),
            receipt_queue.parked(parked, "unreadable"),
        ],
    )

    assert (settled, states(three)) == (3, ["done", "ignored", "parked"])
    kept = three.scalars(text("SELECT body IS NOT NULL FROM receipts ORDER BY id")).all()
    assert kept == [False, False, True]


def test_a_late_holder_settles_nothing_once_its_lease_ran_out(three: Session) -> None:
    [late, *_] = claimed(three, limit=1)
    run(three, "UPDATE receipts SET lease_until = clock_timestamp() - interval '1 second' WHERE state = 'processing'")
    [heir, *_] = claimed(three, "two", limit=1)

    assert receipt_queue.hold(three, [late, heir]) == {heir.id}
    assert receipt_queue.settle(three, [Settlement(claim=late, state=State.DONE)]) == 0
    assert (heir.id, heir.tries) == (late.id, 2)


def test_pauses_grow_until_a_receipt_is_parked(three: Session) -> None:
    waits = []
    for _ in BACK_OFF_SECONDS:
        [claim, *_] = claimed(three, limit=1)
        settlement = receipt_queue.after_failure(claim, "no answer")
        waits.append(settlement.wait_seconds)
        receipt_queue.settle(three, [settlement])
        run(three, f"UPDATE receipts SET next_try_at = clock_timestamp() - interval '1 hour' WHERE id = {claim.id}")

    [claim, *_] = claimed(three, limit=1)
    last = receipt_queue.after_failure(claim, "no answer")

    assert tuple(waits) == BACK_OFF_SECONDS == (10, 60, 300, 1800)
    assert (last.state, last.reason) == (State.PARKED, "given up after 5 tries: no answer")


def test_a_provider_that_rests_costs_no_try(three: Session) -> None:
    [claim, *_] = claimed(three, limit=1)

    receipt_queue.settle(three, [receipt_queue.postponed(claim, "limited", 60)])

    row = three.execute(text("SELECT tries, state, next_try_at > clock_timestamp() FROM receipts ORDER BY id")).first()
    assert row == (0, "received", True)


def test_a_stopping_process_gives_back_what_it_holds(three: Session) -> None:
    claimed(three)

    assert receipt_queue.abandon(three, "two") == 0
    assert receipt_queue.abandon(three, "one") == 3
    assert [claim.tries for claim in claimed(three, "two")] == [1, 1, 1]


def test_receipts_of_a_killed_scheduler_are_free_at_once_and_the_try_counts(three: Session) -> None:
    alive = processes.Identity("scheduler")
    claimed(three, f"{alive.machine}/4194305/1/dead", limit=2)
    claimed(three, alive.id, limit=1)

    processes.free_leases_of_the_dead(three, alive)

    assert [(claim.tries, claim.fence) for claim in claimed(three)] == [(2, 3), (2, 3)]


def test_receipts_are_purged_after_thirty_days_and_never_while_they_are_processed(three: Session) -> None:
    claimed(three, limit=1)
    run(
        three, "UPDATE receipts SET received_at = clock_timestamp() - interval '31 days' WHERE body ->> 'number' <> '2'"
    )

    assert receipt_queue.purge(three) == 1
    assert len(states(three)) == 2


def test_two_inboxes_never_hold_the_same_receipt(database: Engine) -> None:
    with Session(database) as session, session.begin():
        session.execute(text("INSERT INTO instances (name, provider, base_url) VALUES ('github.com', 'github', 'x')"))
        store(session, [a_delivery({"number": number}) for number in range(20)])

    with Session(database) as one, Session(database) as two:
        first, second = claimed(one, limit=10), claimed(two, "two")

        assert {claim.id for claim in first} & {claim.id for claim in second} == set()
        assert len(first) + len(second) == 20
