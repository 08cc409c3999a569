"""`observatory key`: keys for the API, printed once and kept as a hash."""

import click
from sqlalchemy.orm import Session

from cli.configured import load_own, open_engine
from cli.options import config_option, config_path, json_option
from cli.style import Command, Group
from cli.table import print_json
from shared.clock import utc_now
from shared.keys import Scope, create_key


@click.group(cls=Group)
def key() -> None:
    """Create keys for the API."""


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
    with open_engine(load_own(config_path(ctx))) as engine, Session(engine) as session, session.begin():
        printed = create_key(session, name, [Scope(scope) for scope in scopes], utc_now())
    if as_json:
        print_json({"name": name, "scopes": list(scopes), "key": printed})
        return
    click.echo(printed)
    click.echo(f"This is {name!r}'s only showing; send it as `Authorization: Bearer …`.", err=True)
