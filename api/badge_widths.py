"""How wide text is in a badge: Verdana at 11 px, so that no font has to be there to draw one. Pure."""

import unicodedata

# Hundredths of a pixel, from the space on to the tilde.
_ASCII = (
    387, 433, 505, 900, 699, 1184, 799, 295, 500, 500, 699, 900, 400, 500, 400, 500, 699, 699, 699, 699, 699, 699, 699,
    699, 699, 699, 500, 500, 900, 900, 900, 600, 1100, 752, 754, 768, 848, 696, 632, 853, 827, 463, 500, 762, 612, 927,
    823, 866, 663, 866, 765, 752, 678, 805, 752, 1088, 754, 677, 754, 500, 500, 500, 900, 699, 699, 661, 685, 573, 685,
    655, 387, 685, 696, 302, 379, 651, 302, 1070, 696, 668, 685, 685, 469, 573, 433, 696, 651, 900, 651, 651, 578, 698,
    500, 698, 900,
)  # fmt: skip

_OTHER_LETTER = 770
_WIDEST = 1100


def text_width(text: str) -> float:
    """The width in pixels; letters with marks are as wide as without, other scripts are taken for an average."""
    return sum(map(_width, unicodedata.normalize("NFD", text))) / 100


def _width(character: str) -> int:
    if " " <= character <= "~":
        return _ASCII[ord(character) - ord(" ")]
    if unicodedata.combining(character):
        return 0
    is_wide = unicodedata.east_asian_width(character) in "WF" or ord(character) > 0x2000
    return _WIDEST if is_wide else _OTHER_LETTER
