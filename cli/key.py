"""`observatory key`: keys for the API, printed once and kept as a hash."""

from dataclasses import asdict
from datetime import datetime

import click
from sqlalchemy.orm import Session

from cli.configured import borrow_engine, load_own
from cli.failures import Failure
from cli.options import config_option, config_path, json_option
from cli.style import Command, Group
from cli.table import age, print_json, print_rows
from shared.clock import utc_now
from shared.keys import ListedKey, Scope, create_key, keys_called, list_keys, revoke_key


@click.group(cls=Group)
def key() -> None:
    """Create, list and revoke keys for the API.

    Without DATABASE_URL, and with nothing running, the private database is started for just so long.
    """


@key.command(cls=Command)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    default=(Scope.READ.value,),
    show_default=True,
    help="What the key may do; give it several times for several.",
)
@json_option
@config_option
@click.pass_context
def create(ctx: click.Context, name: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Create a key called NAME and print it: it is shown this once and never again."""
    with borrow_engine(load_own(config_path(ctx))) as engine, Session(engine) as session, session.begin():
        same = keys_called(session, name)
        printed = create_key(session, name, [Scope(scope) for scope in scopes], utc_now())
    if as_json:
        print_json({"name": name, "scopes": list(scopes), "key": printed})
        return
    if same:
        click.echo(f"There is a key called {name} already ({', '.join(same)}); it stays valid.", err=True)
    click.echo(f"Key {name} (scope {', '.join(scopes)}). It is shown only now:", err=True)
    click.echo(printed)


@key.command("list", cls=Command)
@json_option
@config_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List every key: what it may do, when it was last used, whether it still works."""
    now = utc_now()
    with borrow_engine(load_own(config_path(ctx))) as engine, Session(engine) as session:
        found = list_keys(session)
    if as_json:
        print_json([asdict(one) | {"state": _state(one, now)} for one in found])
        return
    columns = ("id", "name", "scopes", "created", "last used", "state")
    print_rows("keys", columns, [_row(one, now) for one in found])


@key.command(cls=Command)
@click.argument("key_id", metavar="ID")
@config_option
@click.pass_context
def revoke(ctx: click.Context, key_id: str) -> None:
    """End the key with this ID (see `key list`), and every browser session it opened, at once."""
    with borrow_engine(load_own(config_path(ctx))) as engine, Session(engine) as session, session.begin():
        known = {one.id: one for one in list_keys(session)}
        if key_id not in known:
            raise Failure([f"no key has the id {key_id}"], "`observatory key list` shows them.")
        is_ended = revoke_key(session, key_id, utc_now())
    name = known[key_id].name
    click.echo(f"Key {name} ({key_id}) is revoked." if is_ended else f"Key {name} ({key_id}) was revoked before.")


def _row(one: ListedKey, now: datetime) -> tuple[str, ...]:
    created, used = age(one.created_at, now), age(one.last_used_at, now)
    return one.id, one.name, ", ".join(one.scopes), created, used, _state(one, now)


def _state(one: ListedKey, now: datetime) -> str:
    if one.revoked_at is not None:
        return "revoked"
    return "expired" if one.expires_at is not None and one.expires_at <= now else "valid"
