"""Builds as everyone outside sees them: the one build object, alone and in lists."""

from shared.build_filter import CANCEL_REASONS, BuildFilter, build_conditions
from shared.build_list import list_builds
from shared.build_objects import BUILD_COLUMNS, BUILD_JOINS, BUILD_SELECT, build_objects
from shared.build_page import BuildPage, Position
from shared.one_build import one_build
from shared.rows import Row

__all__ = [
    "BUILD_COLUMNS",
    "BUILD_JOINS",
    "BUILD_SELECT",
    "CANCEL_REASONS",
    "BuildFilter",
    "BuildPage",
    "Position",
    "Row",
    "build_conditions",
    "build_objects",
    "list_builds",
    "one_build",
]
