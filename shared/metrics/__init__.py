"""Numbers over a window of time: cells that recording keeps, and the figures that are read from them."""

from shared.metrics.figures import DEFAULT_WINDOW, FORMULA, Grouping, Window, groups, overview, window

__all__ = ["DEFAULT_WINDOW", "FORMULA", "Grouping", "Window", "groups", "overview", "window"]
