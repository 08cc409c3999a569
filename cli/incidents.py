"""`observatory incidents`: what is broken now, since when, and where to look first."""

from datetime import datetime

import click

from cli.configured import load_own, open_engine
from cli.options import config_option, config_path, json_option
from cli.style import Command
from cli.table import REMARK, age, is_terminal, print_json, print_rows
from shared.freshness import stale_sources
from shared.incident_queries import open_incidents
from shared.queries import build_objects
from shared.reading import reading
from shared.rows import Row, as_int
from shared.scope import Scope

MOST = 10_000
"""More than anybody reads; `GET /api/incidents` has them all, page by page."""

COLUMNS = ("id", "status", "pipeline", "branch", "broke", "last failed", "failures", REMARK)


@click.command(cls=Command)
@click.option("--all-branches", is_flag=True, help="Show what is broken on other branches than the default one, too.")
@json_option
@config_option
@click.pass_context
def incidents(ctx: click.Context, all_branches: bool, as_json: bool) -> None:
    """Show what is broken now, the one that lasts longest first; each with the build that failed first.

    Only pipelines' default branches are shown; `--all-branches` shows the others as well.
    `flapping` is a branch that failed and passed in turns of late; it is over once it passed three times in a row.
    While sources are stale there may be more: a line on stderr says so, `stale_sources` names them with `--json`.
    """
    with open_engine(load_own(config_path(ctx))) as engine, reading(engine) as opened:
        found = open_incidents(opened.session, limit=MOST, has_all_branches=all_branches)
        first_bad = build_objects(opened.session, (as_int(row["first_bad_build_id"]) for row in found))
        stale = stale_sources(opened.session, Scope(), limit=MOST)
    if as_json:
        print_json({"as_of": opened.as_of, "incidents": found, "stale_sources": stale})
        return
    if found:
        print_rows("incidents", COLUMNS, [_incident(row, first_bad, opened.as_of) for row in found])
    elif is_terminal():
        click.echo("nothing is broken")
    if stale:
        count = "1 source is" if len(stale) == 1 else f"{len(stale)} sources are"
        click.echo(f"{count} stale, so there may be more: observatory status", err=True)


def _incident(row: Row, first_bad: dict[int, Row], now: datetime) -> tuple[str, ...]:
    return (
        str(row["id"]),
        str(row["status"]),
        _pipeline(row),
        str(row["branch"] or "-"),
        _age(row["opened_at"], now),
        _age(row["last_failed_at"], now),
        str(row["failures"]),
        _remark(row, first_bad.get(as_int(row["first_bad_build_id"]))),
    )


def _pipeline(row: Row) -> str:
    """A pipeline as people know it: Jenkins may know no repository, and one of GitLab's is called like its own."""
    names = dict.fromkeys(str(name) for name in (row["repository"], row["pipeline_name"]) if name)
    return f"{row['instance']}:{' '.join(names)}"


def _age(instant: object, now: datetime) -> str:
    return age(instant if isinstance(instant, datetime) else None, now)


def _remark(row: Row, first_bad: Row | None) -> str:
    """Where to look, and what else there is to know."""
    parts = [
        str(first_bad["web_url"]) if first_bad is not None and first_bad["web_url"] else "",
        "never passed while we watched" if row["last_good_build_id"] is None else "",
        "no news" if row["is_silent"] else "",
    ]
    return "; ".join(part for part in parts if part)
