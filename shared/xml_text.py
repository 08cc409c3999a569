"""Text of others as XML 1.0 can hold it."""

import re

# Everything that is no Char of the XML 1.0 grammar: there is no way to write these, not even escaped.
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """The text with a replacement character for whatever a document may not contain; it still has to be escaped."""
    return _NO_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", text)
