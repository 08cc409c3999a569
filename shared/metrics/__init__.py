"""Numbers over a window of time: cells that recording keeps, and the figures that are read from them."""

from shared.metrics.formula import FORMULA
from shared.metrics.groups import Grouping, groups
from shared.metrics.members import counting
from shared.metrics.overview import Cut, overview
from shared.metrics.window import DEFAULT_WINDOW, Bucket, TooManyBuckets, Window, window

__all__ = [
    "DEFAULT_WINDOW",
    "FORMULA",
    "Bucket",
    "Cut",
    "Grouping",
    "TooManyBuckets",
    "Window",
    "counting",
    "groups",
    "overview",
    "window",
]
