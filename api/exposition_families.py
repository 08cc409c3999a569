"""Rows of the database as Prometheus' families: labels, samples, units."""

from collections.abc import Iterable
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from shared.rows import Row


def gauge(name: str, words: str, labels: tuple[str, ...], found: Iterable[Row], column: str) -> GaugeMetricFamily:
    """One gauge with a sample a row; what is not known has no sample."""
    family = GaugeMetricFamily(name, words, labels=labels)
    for row in found:
        if row[column] is not None:
            family.add_metric(labels_of(row, labels), number(row[column]))
    return family


def counter(name: str, words: str, labels: tuple[str, ...], found: Iterable[Row], column: str) -> CounterMetricFamily:
    """One counter with a sample a row."""
    family = CounterMetricFamily(name, words, labels=labels)
    for row in found:
        family.add_metric(labels_of(row, labels), number(row[column]))
    return family


def grouped(found: Iterable[Row], labels: tuple[str, ...]) -> dict[tuple[str, ...], list[Row]]:
    """The rows by label set: names are not unique, and two samples of one name would spoil the whole scrape."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in found:
        groups.setdefault(labels_of(row, labels), []).append(row)
    return groups


def labels_of(row: Row, names: tuple[str, ...]) -> tuple[str, ...]:
    """The row's columns of these names as labels; what is not known is empty."""
    return tuple("" if row[name] is None else str(row[name]) for name in names)


def number(value: object) -> float:
    """A column as Prometheus has it: instants in seconds since 1970, flags as 0 and 1."""
    if isinstance(value, datetime):
        return value.timestamp()
    return float(value) if isinstance(value, bool) else float(str(value))
