"""Bounds and tests equal what is printed in textbooks, and what brute force says."""

from itertools import product
from random import Random

import pytest

from shared.metrics.statistics import discoveries, mann_whitney, wilson


def test_wilsons_interval_equals_published_values() -> None:
    # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998).
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }

    for (hits, of), (lower, upper) in published.items():
        found = wilson(hits, of)
        assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=0.00006)


def test_the_lower_bound_ranks_what_is_certain_first() -> None:
    assert wilson(1, 1).lower < wilson(10, 20).lower < wilson(100, 200).lower < wilson(90, 100).lower


@pytest.mark.parametrize(("hits", "of"), [(0, 0), (0, 1), (1, 1), (3, 3), (10**7, 10**7)])
def test_bounds_lie_within_nought_and_one_and_around_the_rate(hits: int, of: int) -> None:
    found = wilson(hits, of)

    assert 0 <= found.lower <= (hits / of if of else 0.5) <= found.upper <= 1


@pytest.mark.parametrize(("hits", "of"), [(2, 1), (1, 0), (-1, 3)])
def test_more_than_all_or_fewer_than_none_are_refused(hits: int, of: int) -> None:
    with pytest.raises(ValueError, match=f"{hits} of {of} is no rate"):
        wilson(hits, of)


def test_a_shift_is_told_from_chance() -> None:
    before = dict.fromkeys(range(100, 120), 5)

    assert mann_whitney(before, before) == 1
    assert mann_whitney(before, {bin_ + 10: count for bin_, count in before.items()}) < 1e-6
    assert mann_whitney(before, {bin_ + 1: count for bin_, count in before.items()}) > 0.1


def test_the_test_equals_a_published_example_with_ties() -> None:
    # M. Hollander, D. Wolfe, "Nonparametric Statistical Methods": U = 0 of 5 and 5 values; by the normal
    # approximation with continuity z = (12.5 - 0.5) / sqrt(25 * 11 / 12) = 2.5067, two-sided p = 0.01219.
    assert mann_whitney({1: 1, 2: 1, 3: 1, 4: 1, 5: 1}, {6: 1, 7: 1, 8: 1, 9: 1, 10: 1}) == pytest.approx(
        0.01219, abs=1e-5
    )


def test_it_equals_what_counting_pairs_says_with_ties() -> None:
    random = Random(3)
    one = [random.randrange(12) for _ in range(40)]
    other = [random.randrange(3, 15) for _ in range(35)]

    wins = sum((a > b) + (a == b) / 2 for a, b in product(one, other))
    shuffled = 0
    both = one + other
    for _ in range(4000):
        random.shuffle(both)
        u = sum((a > b) + (a == b) / 2 for a, b in product(both[:40], both[40:]))
        shuffled += abs(u - 700) >= abs(wins - 700)

    found = mann_whitney({v: one.count(v) for v in set(one)}, {v: other.count(v) for v in set(other)})
    assert found == pytest.approx(shuffled / 4000, abs=0.01)


def test_nothing_and_all_the_same_say_nothing() -> None:
    assert mann_whitney({}, {5: 10}) == 1
    assert mann_whitney({5: 10}, {5: 20}) == 1


def test_millions_of_values_are_no_trouble() -> None:
    assert 0 <= mann_whitney({1: 10**7, 2: 10**7}, {1: 10**7 + 1, 2: 10**7}) <= 1


def test_of_many_tests_only_those_are_believed_that_chance_does_not_explain() -> None:
    # The example of Benjamini and Hochberg (1995), table of 15 tests: at 5 % the first four are believed.
    published = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528]

    found = discoveries(dict(enumerate([*published, 0.7590, 1.0])), of=15, rate=0.05)

    assert found == {0, 1, 2, 3}


def test_what_was_not_tested_counts_as_a_test() -> None:
    assert discoveries({"one": 0.005}, of=1, rate=0.01) == {"one"}
    assert discoveries({"one": 0.005}, of=2, rate=0.01) == {"one"}
    assert discoveries({"one": 0.005}, of=3, rate=0.01) == set()
    assert discoveries({}, of=3, rate=0.01) == set()
