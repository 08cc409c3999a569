"""Clients that ask one thing after the other over a kept connection, each a process of its own."""

import http.client
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from benchmarks.figure import percentile

CLIENTS = 4

PATIENCE_SECONDS = 60
"""Who says nothing for so long is not waited for any more."""


@dataclass(slots=True)
class Answers:
    """The seconds each answer took, by what was asked; how long all took together; who was answered with no 200."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    elapsed: float = 0.0

    def only(self, name: str) -> "Answers":
        """Those of this very question; KeyError where it was not asked."""
        return Answers({name: self.seconds[name]})

    def group(self, kind: str) -> "Answers":
        """Those of the question `kind` and of all named `kind, ...`."""
        names = [name for name in self.seconds if name == kind or name.startswith(f"{kind}, ")]
        return Answers({name: self.seconds[name] for name in names})

    @property
    def count(self) -> int:
        """How many answers."""
        return sum(map(len, self.seconds.values()))

    @property
    def p50(self) -> float:
        """Milliseconds, of all questions together."""
        return statistics.median(self._all()) * 1000

    @property
    def p99(self) -> float:
        """Milliseconds, of all questions together."""
        return percentile(self._all(), 99) * 1000

    def _all(self) -> list[float]:
        return [second for seconds in self.seconds.values() for second in seconds]

    def medians(self) -> dict[str, float]:
        """The median of each question's milliseconds."""
        return {name: statistics.median(seconds) * 1000 for name, seconds in self.seconds.items()}

    def slowest(self) -> tuple[str, float]:
        """The question that takes longest, and the median of its milliseconds."""
        return max(self.medians().items(), key=lambda item: item[1])

    @property
    def rate(self) -> float:
        """Answers a second, of all clients together."""
        return self.count / self.elapsed


Questions = Sequence[tuple[str, str]]
"""Name and path of each, in the order in which they are asked."""


def ask(host: str, port: int, questions: Sequence[Questions]) -> Answers:
    """Ask everything: one client for each list, none of which may be empty."""
    answers = Answers()
    spans = []
    with ProcessPoolExecutor(len(questions)) as clients:
        runs = [clients.submit(ask_in_turn, host, port, share) for share in questions]
        for share, run in zip(questions, runs, strict=True):
            found = run.result()
            spans.append((found[0].began, found[-1].began + found[-1].seconds))
            for (name, path), answer in zip(share, found, strict=True):
                answers.seconds.setdefault(name, []).append(answer.seconds)
                if answer.status != 200:
                    answers.refused.append(f"{answer.status or f'nothing within {PATIENCE_SECONDS} s'} to {path}")
    answers.elapsed = max(ended for _, ended in spans) - min(began for began, _ in spans)
    return answers


@dataclass(frozen=True, slots=True)
class Answer:
    """From the request's first byte out, on the clock that all processes share, to the answer's last byte in.

    `status` is None where none came; then it took as long as was waited.
    """

    status: int | None
    began: float
    seconds: float


def ask_in_turn(host: str, port: int, questions: Questions) -> list[Answer]:
    """One after the other."""
    connection = _connection(host, port)
    found = []
    for _, path in questions:
        began = time.monotonic()
        status = _status(connection, path)
        found.append(Answer(status, began, time.monotonic() - began))
    return found


def _status(connection: http.client.HTTPConnection, path: str) -> int | None:
    """The status of the answer, read whole; None where none came. Who is cut off asks on another connection, once."""
    for _ in range(2):
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
        except TimeoutError:
            connection.close()
            return None
        except (ConnectionError, http.client.HTTPException):
            connection.close()
        else:
            return answer.status
    return None


def _connection(host: str, port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)


WARM_UPS = 3
"""Right after its start a server reads from the disk, and may run into its own deadline: it is asked again so often."""


def accepted(host: str, port: int, paths: Mapping[str, str]) -> dict[str, str]:
    """Those of the paths that the server answers with 200; the others it does not know (yet)."""
    connection = _connection(host, port)
    return {
        name: path for name, path in paths.items() if any(_status(connection, path) == 200 for _ in range(WARM_UPS))
    }


def body_of(host: str, port: int, path: str) -> bytes:
    """One answer's body."""
    connection = _connection(host, port)
    connection.request("GET", path)
    return connection.getresponse().read()
