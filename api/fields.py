"""Single values of a request: read strictly, refused in words that say what would be accepted."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from marshmallow import ValidationError, fields, validate

from api.file_format import FileFormat, accepted_format
from api.paging import BIGGEST_ID
from shared.several import split

MAX_VALUES = 50
MAX_TEXT = 500
MOST_ROWS = 2**31 - 1

ESCAPED = r"a comma within a value is written \,"

_zones = cache(available_timezones)  # it walks a folder of hundreds of files


class Parsed(fields.Field[Any]):
    """A field that reads its value by `parse` alone."""

    def parse(self, value: object) -> object:
        """The value meant; raises ValidationError saying what would be accepted."""
        raise NotImplementedError

    def _deserialize(self, value: object, *_: object, **__: object) -> Any:
        return self.parse(value)


class Instant(Parsed):
    """An instant with its zone: RFC 3339 in both directions, always `Z` on the way out."""

    def _serialize(self, value: datetime | None, *_: object, **__: object) -> str | None:
        return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def parse(self, value: object) -> datetime:
        """Any ISO form that has a date, a time and a zone."""
        try:
            # A plus sign that was not escaped in a URL arrives as a space.
            instant = datetime.fromisoformat(str(value).strip().replace(" ", "+") if "T" in str(value) else "")
            if instant.tzinfo is not None:
                return instant.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise ValidationError("must be an instant with its zone, such as 2026-11-20T12:00:00Z")


class Words(Parsed, fields.String):
    """Text the database can take: not empty, not endless, without NUL."""

    def parse(self, value: object) -> str:
        """The text as it stands."""
        if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT or "\0" in value:
            raise ValidationError(f"must be text of 1 to {MAX_TEXT} characters without NUL")
        return value


class Identifier(Parsed, fields.Integer):
    """An id of ours."""

    def parse(self, value: object) -> int:
        """A number that a bigint holds, as JSON number or as digits."""
        is_text = isinstance(value, str) and len(value) < 20 and value.isascii() and value.isdecimal()
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if (is_text or is_number) and 0 <= int(str(value)) <= BIGGEST_ID:
            return int(str(value))
        raise ValidationError("must be an id: a whole number as the API shows it")


class Count(Parsed, fields.Integer):
    """A whole number within bounds, said in the message."""

    def __init__(self, low: int, high: int, **options: Any) -> None:
        self.low, self.high = low, high
        super().__init__(validate=validate.Range(low, high), **options)

    def parse(self, value: object) -> int:
        """Digits, within the bounds."""
        text = str(value)
        if len(text) < 12 and text.isascii() and text.isdecimal() and self.low <= int(text) <= self.high:
            return int(text)
        raise ValidationError(f"must be a whole number from {self.low} to {self.high}")


class RowCount(Count):
    """How many rows of a list: a page has few, a file as many as there are."""

    def __init__(self, most_of_page: int, **options: Any) -> None:
        super().__init__(1, MOST_ROWS, **options)
        self._of_page = Count(1, most_of_page)

    def _deserialize(self, value: object, *place: Any, **_: object) -> Any:
        _name, query = place
        form = query["format"] if "format" in query else accepted_format()
        return (self._of_page if form == FileFormat.JSON else self).parse(value)


class OneOf(Parsed, fields.String):
    """One of a few words; the message lists them."""

    def __init__(self, words: list[str], **options: Any) -> None:
        self.words = words
        super().__init__(validate=validate.OneOf(words), **options)

    def parse(self, value: object) -> str:
        """The word itself."""
        if isinstance(value, str) and value in self.words:
            return value
        raise ValidationError(f"must be one of {', '.join(self.words)}")


class ZoneName(Parsed, fields.String):
    """A time zone by its name in the tz database."""

    def parse(self, value: object) -> str:
        """The name itself."""
        if isinstance(value, str) and value in _zones():
            return value
        raise ValidationError("must be a time zone such as Europe/Berlin or UTC")


class Several(fields.List[Any]):
    """Several values of one filter: separated by commas, or the parameter repeated; as `shared.several` splits them."""

    def __init__(
        self, inner: fields.Field[Any], *, metadata: Mapping[str, Any], most: int = MAX_VALUES, **options: Any
    ) -> None:
        self.most = most
        # Where values are words that we choose ourselves, none has a comma.
        if isinstance(inner, Words):
            metadata = {**metadata, "description": f"{metadata['description']} ({ESCAPED})"}
        super().__init__(inner, metadata=metadata, **options)

    def _deserialize(self, value: object, *_: object, **__: object) -> list[Any]:
        given = [str(text) for text in (value if isinstance(value, list) else [value])]
        parts = [part for text in given for part in split(text)]
        if len(parts) > self.most:
            raise ValidationError(f"takes at most {self.most} values, separated by commas: {ESCAPED}")
        try:
            return list(dict.fromkeys(self.inner.deserialize(part) for part in parts))
        except ValidationError as error:
            if not any("," in text for text in given):
                raise
            raise ValidationError(
                [f"{said}; commas separate values: {ESCAPED}" for said in map(str, error.messages)]
            ) from None
