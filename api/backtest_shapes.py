"""The shapes of `POST /api/alerts/backtest`: which rules over which span, and what they would have told."""

from datetime import timedelta
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema
from pydantic import BaseModel
from pydantic import ValidationError as Mistaken

from api.fields import Count, Instant
from api.schemas import Refusing, about
from api.shapes import Shape, flag_field, instant_field, integer_field, number_field, text_field
from shared.config.mistakes import explain
from shared.config.routes import RouteSettings
from shared.config.settings import ReceiverSettings

LONGEST = timedelta(days=92)
FIRST_YEAR = 2000
MOST_RULES = 200
_INSTANT = {"type": "string", "format": "date-time"}


class BacktestBody(Refusing):
    """A span, and rules to try on it instead of those in force."""

    since = Instant(required=True, metadata=about("from this instant on; at most 92 days before until") | _INSTANT)
    until = Instant(metadata=about("before this instant; now unless given") | _INSTANT)
    routes = fields.List(
        fields.Dict(keys=fields.String()),
        validate=validate.Length(max=MOST_RULES),
        metadata=about("routes as /api/routes has them, each with its name; those in force unless given"),
    )
    receivers = fields.List(
        fields.Dict(keys=fields.String()),
        validate=validate.Length(max=MOST_RULES),
        metadata=about("receivers beside those in force, or instead: name, kind, group_wait, group_interval, timezone"),
    )
    with_silences = fields.Boolean(load_default=False, metadata=about("heed the silences there were"))
    most_sent = Count(0, 1_000, load_default=100, metadata=about("messages shown of each receiver; all are counted"))

    @validates_schema
    def _means_something(self, data: dict[str, Any], **_: object) -> None:
        errors: dict[str, list[str]] = {}
        if "until" in data and data["since"] >= data["until"]:
            errors["until"] = ["must be later than since"]
        elif "until" in data and data["until"] - data["since"] > LONGEST:
            errors["since"] = [f"must lie at most {LONGEST.days} days before until"]
        elif data["since"].year < FIRST_YEAR:
            errors["since"] = [f"must not lie before {FIRST_YEAR}"]
        for path, words in [*_mistakes("routes", RouteSettings, data), *_mistakes("receivers", ReceiverSettings, data)]:
            errors.setdefault(path, []).append(words)
        if errors:
            raise ValidationError(errors)


def _mistakes(section: str, model: type[BaseModel], data: dict[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with the rules that were sent, each with its path, in the words of the configuration file."""
    found: list[tuple[str, str]] = []
    for place, table in enumerate(data.get(section, [])):
        try:
            model.model_validate(table)
        except Mistaken as error:
            found += explain(error, model, (section, place), {}, ())
    return found


class SentSchema(Shape):
    """A message as it would have been sent."""

    at = instant_field("when", is_known=True)
    title = text_field("its title", is_known=True)
    lines = fields.List(fields.String(), metadata=about("one for each incident, 20 at most; none in the raw feed"))
    more = integer_field("lines left out", is_known=True)
    incidents = fields.List(
        fields.Integer(), metadata=about("what it tells of; those that began in the span have negative numbers")
    )


class ReasonSchema(Shape):
    """How often something was not told, or had to wait."""

    reason = text_field("why, in words", is_known=True)
    count = integer_field("how often", is_known=True)


class DifferenceSchema(Shape):
    """What the rules to try change for a receiver."""

    messages_in_force = integer_field("messages by the rules in force", is_known=True)
    incidents_in_force = integer_field("incidents told by the rules in force", is_known=True)
    newly_told = integer_field("incidents told only by the rules to try", is_known=True)
    newly_told_examples = fields.List(fields.String(), metadata=about("the youngest of them, 20 at most"))
    no_longer_told = integer_field("incidents told only by the rules in force", is_known=True)
    no_longer_told_examples = fields.List(fields.String(), metadata=about("the youngest of them, 20 at most"))


class ReceivedSchema(Shape):
    """What one receiver would have got."""

    receiver = text_field("name of the receiver", is_known=True)
    messages = integer_field("messages in all", is_known=True)
    messages_per_day = number_field("on average")
    feed = integer_field("those of the raw feed among them", is_known=True)
    incidents = integer_field("incidents it would have heard of", is_known=True)
    kinds = fields.Dict(keys=fields.String(), values=fields.Integer(), metadata=about("lines by what they say"))
    hidden = fields.List(
        fields.Nested(ReasonSchema), metadata=about("changes not told, the most frequent reason first")
    )
    held = fields.List(fields.Nested(ReasonSchema), metadata=about("incidents that had to wait, and for what"))
    sent = fields.List(fields.Nested(SentSchema), metadata=about("the first of the messages, as many as asked for"))
    difference = fields.Nested(
        DifferenceSchema, allow_none=True, metadata=about("to the rules in force; null where they are the same")
    )


class BacktestSchema(Shape):
    """What rules would have told of a span."""

    since = instant_field("as asked", is_known=True)
    until = instant_field("up to when events were looked at", is_known=True)
    is_complete = flag_field("all events of the span were looked at")
    events = integer_field("how many", is_known=True)
    receivers = fields.List(fields.Nested(ReceivedSchema))
