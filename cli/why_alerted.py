"""`observatory why-alerted`: what was decided about an event, route by route, with the reasons."""

from datetime import datetime

import click

from cli.configured import load_own, open_engine
from cli.failures import Failure
from cli.options import config_option, config_path, json_option
from cli.style import Command
from cli.table import REMARK, age, print_json, print_rows
from shared.alert_queries import event_decisions, verdict_event
from shared.reading import Reading, reading
from shared.rows import Row

_EVENT = ("pos", "about", "change", "happened", "incident", REMARK)
_ROUTES = ("outcome", "receiver", "route", "what", "message", REMARK)


@click.command("why-alerted", cls=Command)
@click.argument("pos", type=click.IntRange(min=1), required=False)
@click.option("--build", "build_id", type=click.IntRange(min=1), help="The last verdict of this build, by our id.")
@json_option
@config_option
@click.pass_context
def why_alerted(ctx: click.Context, pos: int | None, build_id: int | None, as_json: bool) -> None:
    """Show who was told of the event at POS of the log, and who was not, each with the reason.

    Events carry their position in the stream and in `/api/builds/ID/events`; with `--build` nobody has to know it.
    """
    if (pos is None) == (build_id is None):
        raise click.UsageError("Name an event by its position, or a build with --build: one of both.")
    with open_engine(load_own(config_path(ctx))) as engine, reading(engine) as opened:
        found = _found(opened, pos, build_id)
    if as_json:
        print_json(found | {"as_of": opened.as_of})
        return
    print_rows("event", _EVENT, [_event(found, opened.as_of)])
    routes = found["routes"]
    if isinstance(routes, list) and routes:
        print_rows("routes", _ROUTES, [_route(row, opened.as_of) for row in routes])


def _found(opened: Reading, pos: int | None, build_id: int | None) -> Row:
    if build_id is not None:
        pos = verdict_event(opened.session, build_id)
        if pos is None:
            raise Failure(
                [f"there is no build {build_id}"], "`GET /api/builds` lists them; `id` is what is meant here."
            )
    found = None if pos is None else event_decisions(opened.session, pos)
    if found is None:
        cure = "With --build ID the last verdict of a build is found; `GET /api/builds/ID/events` lists its events."
        raise Failure([f"the log has no event {pos}"], cure)
    return found


def _event(found: Row, now: datetime) -> tuple[str, ...]:
    attempt = found["attempt"]
    about = f"{found['subject_kind']} {found['subject_id']}"
    if isinstance(attempt, int) and attempt > 1:
        about += f" attempt {attempt}"
    change = " → ".join(str(found[name]) for name in ("from_status", "to_status") if found[name])
    remark = str(found["decision_reason"])
    if found["cause_pos"] is not None:
        remark += f" Decided with event {found['cause_pos']}."
    return str(found["pos"]), about, change, _ago(found["at"], now), str(found["incident_id"] or "-"), remark


def _route(row: Row, now: datetime) -> tuple[str, ...]:
    delivery = row["delivery_id"]
    return (
        str(row["outcome"]),
        str(row["receiver"] or "-"),
        str(row["route"]),
        str(row["kind"] or "-").replace("_", " "),
        "-" if delivery is None else str(delivery),
        _remark(row, now),
    )


def _remark(row: Row, now: datetime) -> str:
    """The reason; when it was told, or until when it waits."""
    parts = [str(row["reason"])] if row["reason"] else []
    match row["outcome"]:
        case "told":
            parts.append(f"told {_ago(row['settled_at'], now)}")
        case "queued" | "held" if row["due_at"] is not None:
            parts.append(f"looked at again {_ago(row['due_at'], now)}")
        case "queued" if not parts:
            parts.append("waits for the receiver's next message")
    return "; ".join(parts)


def _ago(instant: object, now: datetime) -> str:
    return age(instant if isinstance(instant, datetime) else None, now)
