"""A credential that answers one request at a time, borrowed between two polls by who is no poll, and soon returned."""

import time

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from shared import credentials
from shared.database import limit_waiting

POLLS_TURN_SECONDS = 1.0
"""For so long after a loan the next turn is a poll's, if one is due: lanes look twice a second."""


class Borrower:
    """The loans of one part of a process, known to others as `owner`; at most one of a credential at a time."""

    def __init__(self, engine: Engine, owner: str) -> None:
        self._engine = engine
        self._owner = owner
        self._polls_turn_until: dict[str, float] = {}

    def borrow(self, credential: str, instance: str) -> "Loan | None":
        """The credential, if nobody has it and it is not a poll's turn; None says to try again soon."""
        loan = Loan(self, credential, instance)
        return loan if loan.is_kept() else None

    def let_go(self, session: Session) -> None:
        """Give everything back, because this process ends."""
        credentials.let_go(session, self._owner)

    def take(self, credential: str, instance: str) -> bool:
        """Whether the credential is ours now."""
        is_polls_turn = time.monotonic() < self._polls_turn_until.get(credential, 0.0)
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            return credentials.borrow(session, credential, instance, self._owner, is_polls_turn=is_polls_turn)

    def keep(self, credential: str) -> None:
        """Have it for another minute; raises LeaseLost when another process took it."""
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            credentials.keep(session, credential, self._owner)

    def give_back(self, credential: str) -> None:
        """A poll may have it now."""
        self._polls_turn_until[credential] = time.monotonic() + POLLS_TURN_SECONDS
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            credentials.let_go(session, self._owner, credential)


class Loan:
    """One credential on loan; whoever asks with it makes sure before each request that it is kept."""

    def __init__(self, borrower: Borrower, credential: str, instance: str) -> None:
        self._borrower = borrower
        self._credential = credential
        self._instance = instance
        self._is_ours = False

    def is_kept(self) -> bool:
        """Whether one request may be made now; once it was given back, this waits for its turn like any other.

        Raises LeaseLost when it was ours and another process took it.
        """
        if self._is_ours:
            self._borrower.keep(self._credential)
        else:
            self._is_ours = self._borrower.take(self._credential, self._instance)
        return self._is_ours

    def give_back(self) -> None:
        """Nothing more is asked for now."""
        if self._is_ours:
            self._is_ours = False
            self._borrower.give_back(self._credential)
