"""Values with commas between them are told apart again, whatever is in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.several import joined, split

VALUES = st.lists(st.text(alphabet="ab,\\ ", max_size=6) | st.text(max_size=6), min_size=1, max_size=4)


@given(VALUES)
def test_what_was_joined_is_split_into_the_same(values: list[str]) -> None:
    assert split(joined(values)) == values


WRITTEN = {
    "main,dev": ["main", "dev"],
    "a\\,b,c": ["a,b", "c"],
    "DOMAIN\\user,x": ["DOMAIN\\user", "x"],
    "ends\\\\,x": ["ends\\", "x"],
    ",": ["", ""],
    "": [""],
    "\\": ["\\"],
}


@pytest.mark.parametrize("text", WRITTEN)
def test_a_backslash_keeps_a_comma_in_its_value(text: str) -> None:
    assert split(text) == WRITTEN[text]
