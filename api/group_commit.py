"""Many small writes in few commits: what arrives while one commit is under way goes into the next."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

LARGEST_GROUP = 200
MOST_WAITING = 2000
PATIENCE_SECONDS = 4.0
"""A provider gives us ten; an answer of ours that says "not now" is better than its silence."""


class NotCommitted(Exception):
    """The write was not confirmed in time or with the others of its group; whether it happened is not known."""


class GroupCommit(Generic[Item, Result]):
    """Turns calls of `write(item)` into fewer calls of `commit(items)`, one at a time, first come first served.

    Nothing waits for company: alone, an item is committed at once; under load a group is as large as what a commit
    takes lets gather. The thread (a greenlet in the server) that commits lives while somebody waits.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._commit = commit
        self._patience_seconds = patience_seconds
        self._most_waiting = most_waiting
        self._lock = threading.Lock()
        self._waiting: list[tuple[Item, Future[Result]]] = []
        self._is_running = False

    def write(self, item: Item) -> Result:
        """Return once the item is committed. Raises what `commit` raised, or NotCommitted for the rest of a group."""
        future: Future[Result] = Future()
        with self._lock:
            if len(self._waiting) >= self._most_waiting:
                raise NotCommitted
            self._waiting.append((item, future))
            is_first, self._is_running = not self._is_running, True
        if is_first:
            threading.Thread(target=self._run, name="group commit", daemon=True).start()
        try:
            return future.result(self._patience_seconds)
        except TimeoutError:
            future.cancel()
            raise NotCommitted from None

    @property
    def waiting(self) -> int:
        """How many writes no commit has taken up yet."""
        return len(self._waiting)

    def _run(self) -> None:
        while group := self._take():
            self._settle(group)

    def _take(self) -> list[tuple[Item, Future[Result]]]:
        with self._lock:
            group = self._waiting[:LARGEST_GROUP]
            del self._waiting[:LARGEST_GROUP]
            self._is_running = bool(group)
        return group

    def _settle(self, taken: list[tuple[Item, Future[Result]]]) -> None:
        group = [(item, future) for item, future in taken if future.set_running_or_notify_cancel()]
        if not group:
            return
        try:
            settled = list(zip(group, self._commit([item for item, _ in group]), strict=True))
        except Exception as error:  # noqa: BLE001 (handed on to whoever waits, who knows what to say)
            # One of them tells what happened, so that the log has it once.
            for place, (_, future) in enumerate(group):
                future.set_exception(NotCommitted() if place else error)
            return
        for (_, future), result in settled:
            future.set_result(result)
