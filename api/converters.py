"""Ids in paths: `<id:build_id>` matches what a bigint holds and nothing else."""

from werkzeug.routing import BaseConverter, ValidationError

from api.paging import BIGGEST_ID


class IdConverter(BaseConverter):
    """A whole number as the API shows it; anything else is an address where nothing is."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        """The number; a 404 when no id can be that big."""
        if int(value) > BIGGEST_ID:
            raise ValidationError
        return int(value)


def describe(_: BaseConverter) -> dict[str, object]:
    """What the documentation says of such a parameter."""
    return {"type": "integer", "format": "int64", "minimum": 0}
