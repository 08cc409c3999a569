"""The register of drills and what is said of it."""

from pathlib import Path

import pytest

from tests.chaos.drill import DRILLS
from tests.chaos.pool import faults
from tests.chaos.variants import CAUGHT_BY, Variant

GUIDE = (Path(__file__).parents[2] / "docs" / "drills.md").read_text()


@pytest.mark.parametrize("name", sorted(DRILLS))
def test_the_guide_says_what_each_drill_breaks(name: str) -> None:
    assert f"| {name} | {DRILLS[name].title} |" in GUIDE


@pytest.mark.parametrize("variant", Variant)
def test_the_guide_says_which_drill_catches_each_variant(variant: Variant) -> None:
    (row,) = [line for line in GUIDE.splitlines() if line.startswith(f"| {variant} |")]

    assert row.endswith(f"| {CAUGHT_BY[variant]} |")
    assert CAUGHT_BY[variant] in DRILLS


def test_the_smoke_is_small_and_has_faults_of_every_kind() -> None:
    kinds = {DRILLS[name].course.__module__ for name in DRILLS if DRILLS[name].is_smoke}

    assert sum(drill.is_smoke for drill in DRILLS.values()) == 15
    assert kinds == {f"{faults.__name__}.{kind}" for kind in faults.__all__}
