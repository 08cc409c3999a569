"""Clients that ask one thing after the other over a kept connection, each a process of its own."""

import http.client
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from benchmarks.figure import percentile

CLIENTS = 4


@dataclass(slots=True)
class Answers:
    """The seconds each answer took, by what was asked; how long all took together; who was answered with no 200."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    elapsed: float = 0.0

    def of(self, prefix: str) -> list[float]:
        """Those of every question whose name begins so."""
        return [second for name, seconds in self.seconds.items() if name.startswith(prefix) for second in seconds]

    def p50(self, prefix: str) -> float:
        """Milliseconds."""
        return statistics.median(self.of(prefix)) * 1000

    def p99(self, prefix: str) -> float:
        """Milliseconds."""
        return percentile(self.of(prefix), 99) * 1000

    def slowest(self, prefix: str) -> tuple[str, float]:
        """The question that takes longest, and the median of its milliseconds."""
        found = {name: statistics.median(of) * 1000 for name, of in self.seconds.items() if name.startswith(prefix)}
        return max(found.items(), key=lambda item: item[1])

    @property
    def rate(self) -> float:
        """Answers a second, of all clients together."""
        return sum(map(len, self.seconds.values())) / self.elapsed


Questions = Sequence[tuple[str, str]]
"""Name and path of each, in the order in which they are asked."""


def ask(host: str, port: int, questions: Sequence[Questions]) -> Answers:
    """Ask everything: one client for each list."""
    began = time.perf_counter()
    answers = Answers()
    with ProcessPoolExecutor(len(questions)) as clients:
        runs = [clients.submit(ask_in_turn, host, port, share) for share in questions]
        for share, run in zip(questions, runs, strict=True):
            for (name, path), (status, seconds) in zip(share, run.result(), strict=True):
                answers.seconds.setdefault(name, []).append(seconds)
                if status != 200:
                    answers.refused.append(f"{status} to {path}")
    answers.elapsed = time.perf_counter() - began
    return answers


def ask_in_turn(host: str, port: int, questions: Questions) -> list[tuple[int, float]]:
    """Status, and seconds from each request's first byte out to its answer's last byte in."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    found = []
    for _, path in questions:
        began = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        found.append((answer.status, time.perf_counter() - began))
    return found


def accepted(host: str, port: int, paths: Mapping[str, str]) -> dict[str, str]:
    """Those of the paths that the server answers with 200; the others it does not know (yet)."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    found = {}
    for name, path in paths.items():
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            found[name] = path
    return found


def body_of(host: str, port: int, path: str) -> bytes:
    """One answer's body."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    connection.request("GET", path)
    return connection.getresponse().read()
