"""The shapes of `/api/reconciliation`: who told of changes first, by source and day."""

from marshmallow import fields

from api.schemas import about
from api.shapes import ListSchema, Shape, flag_field, instant_field, integer_field, number_field, text_field


class SpanSchema(Shape):
    """When what is counted was recorded or received."""

    since = instant_field("included", is_known=True)
    until = instant_field("excluded", is_known=True)


class ChangesSchema(Shape):
    """Transitions by the way they were learnt first."""

    webhook = integer_field("told by a webhook", is_known=True)
    poll = integer_field("found by a poll", is_known=True)
    sweep = integer_field("found by a sweep over the past", is_known=True)
    backfill = integer_field("collected as the past", is_known=True)


class LagSchema(Shape):
    """From the provider's finish to our record of it."""

    p50 = number_field("seconds")
    p95 = number_field("seconds")
    builds = integer_field("how many finishes", is_known=True)


class LagsSchema(Shape):
    """The lag of each way."""

    webhook = fields.Nested(LagSchema)
    poll = fields.Nested(LagSchema)
    sweep = fields.Nested(LagSchema)
    backfill = fields.Nested(LagSchema)


class ReceivedSchema(Shape):
    """What came in."""

    webhooks = integer_field("different ones", is_known=True)
    repeated = integer_field("further deliveries of the same", is_known=True)
    late = integer_field("told something older than what was known", is_known=True)
    known_already = integer_field("told what was known", is_known=True)
    parked = integer_field("could not be processed", is_known=True)
    last_webhook_at = instant_field("in the window")


class FiguresOfSourceSchema(ReceivedSchema):
    """One source's figures."""

    changes = fields.Nested(ChangesSchema)
    missed = integer_field("found by a poll and told by no webhook; null where none came")
    lag_seconds = fields.Nested(LagsSchema)


class DayFiguresSchema(FiguresOfSourceSchema):
    """One day's figures."""

    day = text_field("a day of UTC, like 2026-01-31", is_known=True)


class ReconciledSourceSchema(Shape):
    """A source and who told of its changes."""

    id = integer_field("ours", is_known=True)
    provider = text_field("kind of CI system", is_known=True)
    instance = text_field("configured name of the installation", is_known=True)
    scope = text_field("what is polled", is_known=True)
    total = fields.Nested(FiguresOfSourceSchema)
    days = fields.List(fields.Nested(DayFiguresSchema), metadata=about("days with anything to count, oldest first"))


class ReconciledInstanceSchema(ReceivedSchema):
    """An installation's webhooks, those about nothing that is watched among them."""

    provider = text_field("kind of CI system", is_known=True)
    instance = text_field("its configured name", is_known=True)
    is_configured = flag_field("a secret for its webhooks is configured")
    ignored = integer_field("of no use; the receipts say why", is_known=True)
    waiting = integer_field("not processed yet", is_known=True)


class ReconciliationSchema(ListSchema):
    """A page of sources, by id, and the installations they belong to."""

    window = fields.Nested(SpanSchema)
    sources = fields.List(fields.Nested(ReconciledSourceSchema))
    instances = fields.List(fields.Nested(ReconciledInstanceSchema))
    formula = fields.Dict(keys=fields.String(), values=fields.String(), metadata=about("how each figure comes about"))
