"""The shapes of decisions, deliveries and trials: what may be asked, and what is answered."""

from typing import Any

from marshmallow import fields, validate

from api.fields import OneOf, Several, Words
from api.incident_shapes import IncidentSchema
from api.schemas import PageQuery, about
from api.shapes import AnswerSchema, FreshAnswerSchema, Shape, flag_field, instant_field, integer_field, text_field
from shared.alert_queries import KINDS, STATES, DeliveryFilter

OUTCOMES = ("queued", "held", "told", "suppressed", "dropped", "unmatched")


class RouteDecisionSchema(Shape):
    """What one route came to at one receiver."""

    route = text_field("name of the route", is_known=True)
    receiver = text_field("name of the receiver; null where the route did not fit")
    kind = text_field("what would be told: broke, still_failing, flapping, fixed; transition in the raw feed")
    outcome = fields.String(
        validate=validate.OneOf(OUTCOMES),
        metadata=about("queued and held wait; told was sent; suppressed, dropped and unmatched are not told"),
    )
    reason = text_field("why, in words; null where there is nothing to explain")
    delivery_id = integer_field("the message that told it")
    due_at = instant_field("until when it waits at least; null unless queued or held")
    decided_at = instant_field("when the planner decided; null where the route did not fit")
    settled_at = instant_field("when it was told or dropped")


class DecisionsSchema(AnswerSchema):
    """Why an event was told, to whom, or why not."""

    pos = integer_field("position in the one log", is_known=True)
    subject_kind = text_field("what it is about: build, incident or health", is_known=True)
    subject_id = integer_field("ours", is_known=True)
    attempt = integer_field("of which attempt")
    from_status = text_field("before")
    to_status = text_field("after")
    at = instant_field("when it happened", is_known=True)
    recorded_at = instant_field("when we learned of it", is_known=True)
    cause_pos = integer_field("of an incident's event: the build's event that caused it, where this was decided")
    is_planned = flag_field("the planner has read it")
    decision = text_field("the planner's word", is_known=True)
    decision_reason = text_field("the same as a sentence", is_known=True)
    incident_id = integer_field("the incident it opened, went on with or closed")
    routes = fields.List(
        fields.Nested(RouteDecisionSchema), metadata=about("what fitted, in the order asked, then what did not fit")
    )


class DeliveriesQuery(PageQuery):
    """A page of messages, narrowed."""

    receiver = Several(Words(), metadata=about("name of a receiver; several by comma"))
    state = Several(OneOf(list(STATES)), metadata=about("how it stands; several by comma"))
    kind = Several(OneOf(list(KINDS)), metadata=about("what it is; several by comma"))


def filter_of(query: dict[str, Any]) -> DeliveryFilter:
    """The filter over deliveries that loaded parameters name."""
    return DeliveryFilter(**{name: tuple(query.get(name, ())) for name in ("receiver", "state", "kind")})


class DeliverySchema(Shape):
    """One message to one receiver."""

    id = integer_field("ours", is_known=True)
    receiver = text_field("name of the receiver", is_known=True)
    kind = fields.String(validate=validate.OneOf(KINDS), metadata=about("what it is; news tells of incidents"))
    state = fields.String(
        validate=validate.OneOf(STATES),
        metadata=about("dead: refused for good; expired: given up, because it was no news any more"),
    )
    title = text_field("its title; null for one that an older version planned")
    tries = integer_field("how often it was begun to send", is_known=True)
    is_possible_repeat = flag_field("it says possible repeat, because a try before may have arrived")
    incidents = integer_field("how many incidents it tells of, those behind its link included", is_known=True)
    event_pos = integer_field("in the raw feed: the event it tells of")
    build_id = integer_field("in the raw feed: its build")
    attempt = integer_field("in the raw feed: which attempt of it")
    thread_id = integer_field("the conversation it belongs to, where the receiver keeps such")
    created_at = instant_field("when it was planned, or first composed", is_known=True)
    next_try_at = instant_field("when it is tried next; null unless it is pending")
    settled_at = instant_field("when it was sent or given up")
    last_error = text_field("what the receiver said last, in words")


class DeliveriesSchema(AnswerSchema):
    """A page of messages, newest first."""

    deliveries = fields.List(fields.Nested(DeliverySchema))
    next_cursor = text_field("send as cursor for the next page; null on the last")


class DeliveryItemSchema(Shape):
    """One incident in a message."""

    place = integer_field("its line, from 0; the message itself shows the first 20", is_known=True)
    incident_id = integer_field("ours", is_known=True)
    kind = text_field("what was said of it: broke, still_failing, flapping, fixed, recovered", is_known=True)
    version = integer_field("as of which of the incident's events", is_known=True)
    failures = integer_field("counted by then", is_known=True)
    incident = fields.Nested(IncidentSchema, allow_none=True, metadata=about("as it stands now; null if deleted since"))


class OneDeliverySchema(FreshAnswerSchema, DeliverySchema):
    """A message as the receiver gets it, and a page of the incidents it tells of."""

    message = fields.Dict(keys=fields.String(), metadata=about("title, tone, facts, sections and links, as composed"))
    items = fields.List(fields.Nested(DeliveryItemSchema), metadata=about("a page of all of them, line by line"))
    next_cursor = text_field("send as cursor for the next page of items; null on the last")


class TrialSchema(Shape):
    """A trial that the scheduler sends."""

    id = integer_field("the delivery's", is_known=True)
    receiver = text_field("name of the receiver", is_known=True)
    url = text_field("where to see what becomes of it", is_known=True)
