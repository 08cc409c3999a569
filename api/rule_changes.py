"""What changing a route and changing a receiver have in common: the name, the file's precedence, the answer."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from flask import Response
from pydantic import TypeAdapter, ValidationError

from api.problems import Problem, not_found, wrong
from api.settings_fields import refused
from shared.alert_rules import Origin, StoredRule, Table
from shared.config.fields import Name
from shared.wire import encode

_NAME = TypeAdapter(Annotated[str, Name])
_WHAT = {Table.ROUTES: "route", Table.RECEIVERS: "receiver"}


def named(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The body with the name of its address; raises a 422 problem where that is no name, or the body has another."""
    try:
        _NAME.validate_python(name)
    except ValidationError as error:
        raise wrong("path", "name", str(error.errors()[0].get("ctx", {}).get("error", "is no name"))) from None
    if body.get("name", name) != name:
        raise refused([("name", f'must be "{name}" as in the address, or left out')])
    return {**body, "name": name}


def find(rules: Sequence[StoredRule], table: Table, name: str) -> StoredRule:
    """The rule of this name; raises a 404 problem where there is none."""
    found = next((rule for rule in rules if rule.name == name), None)
    if found is None:
        raise not_found(_WHAT[table], name[:200])
    return found


def must_not_be_the_files(rules: Sequence[StoredRule], table: Table, name: str) -> None:
    """Raise a 409 problem where the configuration file has one of this name."""
    if any(rule.name == name and rule.origin is Origin.FILE for rule in rules):
        raise Problem(409, f"The {_WHAT[table]} {name} stands in the configuration file; change it there.")


def put_answer(payload: dict[str, Any], address: str, *, is_new: bool) -> Response:
    """201 with the address of what was made, or 200 with what it is now."""
    headers = {"Cache-Control": "no-store"} | ({"Location": address} if is_new else {})
    return Response(encode(payload), 201 if is_new else 200, headers, content_type="application/json")


def removed_answer() -> Response:
    """204: it is gone."""
    return Response(status=204, headers={"Cache-Control": "no-store"})
