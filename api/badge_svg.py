"""A badge as an image: two fields of text, legible on light and dark pages, without script, style or font. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from xml.sax.saxutils import escape, quoteattr

from api.badge_widths import text_width
from shared.xml_text import xml_text

LONGEST_LABEL = 60
LONGEST_MESSAGE = 40
LONGEST_MORE = 160

_HEIGHT = 20
_PADDING = 6
_LABEL_COLOR = "#444c56"
_FONT = "Verdana,Geneva,DejaVu Sans,sans-serif"


class Color(StrEnum):
    """What stands behind white text, each with a contrast of at least 4.5 to 1."""

    GREEN = "#1f7a34"
    AMBER = "#96640a"
    RED = "#c62828"
    BLUE = "#1f6feb"
    GREY = "#6a737d"


class Style(StrEnum):
    """The corners: round, or square."""

    FLAT = "flat"
    FLAT_SQUARE = "flat-square"


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge says: of what, and how it is; `more` is added for whoever points at it or has it read out."""

    label: str
    message: str
    color: Color
    more: str = ""


def badge_svg(badge: Badge, style: Style = Style.FLAT) -> str:
    """The image. Its text is stretched to the measured width, whichever font draws it."""
    label, message = _shown(badge.label, LONGEST_LABEL), _shown(badge.message, LONGEST_MESSAGE)
    left, right = _field_width(label), _field_width(message)
    more = _shown(badge.more, LONGEST_MORE)
    words = f"{label}: {message}{f', {more}' if more else ''}"
    radius = 3 if style is Style.FLAT else 0
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" role="img" '
        f"aria-label={quoteattr(words)}>"
        f"<title>{escape(words)}</title>"
        f'<path fill="{_LABEL_COLOR}" d="M{left} 0v{_HEIGHT}{_end(-left, radius)}"/>'
        f'<path fill="{badge.color}" d="M{left} 0v{_HEIGHT}{_end(right, radius)}"/>'
        f'<g fill="#fff" font-family="{_FONT}" font-size="11" aria-hidden="true">'
        f"{_text(label, _PADDING)}{_text(message, left + _PADDING)}</g></svg>\n"
    )


def badge_json(badge: Badge, *, is_error: bool = False) -> dict[str, object]:
    """The same for shields.io, which draws it itself."""
    document: dict[str, object] = {
        "schemaVersion": 1,
        "label": _shown(badge.label, LONGEST_LABEL),
        "message": _shown(badge.message, LONGEST_MESSAGE),
        "color": str(badge.color),
    }
    return document | ({"isError": True} if is_error else {})


def _shown(text: str, longest: int) -> str:
    clean = " ".join(xml_text(text).split())
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"


def _field_width(text: str) -> int:
    """Whole pixels: a field that ended between two would have a pale edge."""
    return ceil(text_width(text)) + 2 * _PADDING


def _end(width: int, radius: int) -> str:
    """The path from the bottom of the inner edge round the outer one: to the right, or to the left if negative."""
    if radius == 0:
        return f"h{width}v-{_HEIGHT}z"
    turn, x = (0, radius) if width > 0 else (1, -radius)
    bottom, top = f"a{radius} {radius} 0 0 {turn} {x} -{radius}", f"a{radius} {radius} 0 0 {turn} {-x} -{radius}"
    return f"h{width - x}{bottom}v-{_HEIGHT - 2 * radius}{top}z"


def _text(words: str, left: int) -> str:
    return f'<text x="{left}" y="14" textLength="{text_width(words):.1f}">{escape(words)}</text>'
