"""The plan that makes sources what was found: nobody is lost, nobody is there twice, no name belongs to two."""

from hypothesis import given
from hypothesis import strategies as st

from shared.found_sources import Changes, Found, Known, plan

PATTERN = "acme/*"


def known(number: int, name: str, external_id: str | None = None, **overrides: object) -> Known:
    fields: dict[str, object] = {"origin": "found", "is_active": True, "pattern": PATTERN} | overrides
    return Known(number, f"acme/{name}", external_id, **fields)  # type: ignore[arg-type]


def found(name: str, external_id: str | None = None) -> Found:
    return Found(f"acme/{name}", external_id)


def test_what_is_as_it_was_changes_nothing() -> None:
    assert plan([known(1, "web", "5")], [found("web", "5")], PATTERN, is_complete=True).is_nothing


def test_a_new_repository_under_the_name_of_a_renamed_one_is_another() -> None:
    changes = plan([known(1, "web", "5")], [found("web2", "5"), found("web", "9")], PATTERN, is_complete=True)

    assert changes == Changes(added=[found("web", "9")], written={1: found("web2", "5")}, renamed=[1])


def test_a_name_taken_over_from_one_that_is_gone_archives_the_one() -> None:
    rows = [known(1, "web", "5"), known(2, "web2", "9")]

    changes = plan(rows, [found("web2", "5")], PATTERN, is_complete=True)

    assert (changes.written, changes.gone) == ({1: found("web2", "5")}, [2])


def test_a_partial_list_neither_renames_nor_archives() -> None:
    rows = [known(1, "web", "5"), known(2, "api", "6")]

    changes = plan(rows, [found("web2", "5"), found("api", "7"), found("new", "8")], PATTERN, is_complete=False)

    assert changes == Changes(added=[found("new", "8")])


def test_one_that_was_named_by_somebody_stays_as_it_is_and_learns_its_id() -> None:
    rows = [known(1, "web", origin="config", pattern=None), known(2, "tools", "6", origin="added", pattern=None)]

    changes = plan(rows, [found("web", "5"), found("renamed-tools", "6")], PATTERN, is_complete=True)

    assert changes == Changes(identified={1: "5"})


def test_what_another_pattern_found_is_not_archived() -> None:
    assert plan([known(1, "web", "5", pattern="other/*")], [], PATTERN, is_complete=True).is_nothing


def test_where_there_are_no_ids_the_name_decides() -> None:
    rows = [known(1, "web"), known(2, "old", is_active=False), known(3, "gone")]

    changes = plan(rows, [found("web"), found("old"), found("new")], PATTERN, is_complete=True)

    assert changes == Changes(added=[found("new")], written={2: found("old")}, vanished=[3])


NAMES = st.sampled_from("abcdef")
IDS = st.one_of(st.none(), st.sampled_from("123456"))
ROWS = st.lists(
    st.tuples(NAMES, IDS, st.sampled_from(["config", "added", "found"]), st.booleans()),
    unique_by=(lambda row: row[0], lambda row: row[1] or object()),
    max_size=6,
)
LISTS = st.lists(st.builds(found, NAMES, IDS), max_size=8)


@given(ROWS, LISTS, st.booleans())
def test_whatever_is_found_no_name_and_no_id_belongs_to_two(
    rows: list[tuple[str, str | None, str, bool]], listed: list[Found], is_complete: bool
) -> None:
    before = [
        known(number, name, external_id, origin=origin, is_active=is_active)
        for number, (name, external_id, origin, is_active) in enumerate(rows)
    ]

    changes = plan(before, listed, PATTERN, is_complete=is_complete)

    scopes = {row.id: f"{row.scope}~{row.id}" if row.id in changes.outnamed else row.scope for row in before}
    scopes |= {number: item.scope for number, item in changes.written.items()}
    ids = {row.id: row.external_id for row in before} | changes.identified
    ids |= {number: item.external_id or ids[number] for number, item in changes.written.items()}
    names = [*scopes.values(), *(item.scope for item in changes.added)]
    numbers = [each for each in (*ids.values(), *(item.external_id for item in changes.added)) if each is not None]
    assert len(set(names)) == len(names)
    assert len(set(numbers)) == len(numbers)
    if not is_complete:
        assert not changes.gone
    asked_for = {row.id for row in before if row.is_asked_for}
    assert not asked_for & {*changes.gone, *changes.written}
