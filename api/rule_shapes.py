"""The shapes of `/api/routes` and `/api/receivers`: the keys of the file's tables, and what is known beside them."""

from typing import Any

from marshmallow import fields, validate

from alerts import RECEIVERS
from api.schemas import about
from api.settings_fields import body_of, described, shape_of
from api.shapes import AnswerSchema, instant_field, text_field
from shared.alert_rules import Origin
from shared.config.routes import RouteSettings
from shared.config.secrets import is_secret
from shared.config.settings import ReceiverSettings

BUILT_IN = "default"
"""The origin of the one route that stands in where none is configured."""


def _made_by(*more: str) -> dict[str, fields.Field[Any]]:
    words = validate.OneOf([*Origin, *more])
    origin = "; default is the route that stands in where there is none" if more else ""
    return {
        "origin": fields.String(validate=words, metadata=about(f"who made it; the file wins over the API{origin}")),
        "author": text_field("the key that made it; null for the file's"),
        "changed_at": instant_field("when it was made or changed", is_known=not more),
    }


def _of_kinds() -> dict[str, fields.Field[Any]]:
    """The own keys of every kind of receiver; a secret only by the variable that has it."""
    found: dict[str, fields.Field[Any]] = {}
    for kind, model in RECEIVERS.items():
        own = described(model, without=tuple(ReceiverSettings.model_fields), before=f"{kind}: ")
        secrets = {
            f"{name}_env": fields.Raw(
                metadata=about(f"{kind}: the name of the variable that has {info.description}") | {"type": "string"}
            )
            for name, info in model.model_fields.items()
            if is_secret(model, name)
        }
        found = {name: one for name, one in (own | secrets).items() if not name.endswith("_file")} | found
    return found


_ROUTE = described(RouteSettings) | _made_by(BUILT_IN)

ROUTE_BODY = body_of("Route", described(RouteSettings))
RouteSchema = shape_of("Route", _ROUTE)
OneRouteSchema = shape_of("OneRoute", _ROUTE, is_answer=True)


class RoutesSchema(AnswerSchema):
    """The routes in force, in the order they are asked."""

    routes = fields.List(fields.Nested(RouteSchema))


_STANDING: dict[str, fields.Field[Any]] = {
    "is_openable": fields.Boolean(metadata=about("the scheduler has all it needs to send there")),
    "problem": text_field("why it is not, such as a variable that is not set where the scheduler runs"),
    "last_sent_at": instant_field("when it last took a message"),
    "off_since": instant_field("since when it is switched off; null while it is on"),
    "off_reason": text_field("why, in the receiver's words"),
}
_RECEIVER = described(ReceiverSettings) | _made_by() | _STANDING

RECEIVER_BODY = body_of("Receiver", described(ReceiverSettings) | _of_kinds())
ReceiverSchema = shape_of("Receiver", _RECEIVER)
AnyReceiverSchema = shape_of("AnyReceiver", _RECEIVER | _of_kinds())
OneReceiverSchema = shape_of("OneReceiver", _RECEIVER, is_answer=True)


class ReceiversSchema(AnswerSchema):
    """The receivers in force; each has the keys of its kind as well."""

    receivers = fields.List(fields.Nested(ReceiverSchema))
