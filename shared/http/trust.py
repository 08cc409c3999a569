"""Which certificates are believed: the machine's, the well-known ones, and a company's own; checking is never off."""

import ssl
from functools import lru_cache
from pathlib import Path

import certifi

from shared.errors import CannotStart


@lru_cache(maxsize=16)
def trusted(ca_file: Path | None = None) -> ssl.SSLContext:
    """A context that verifies chain and host name; `ca_file` (PEM) adds a private authority to those known anyway.

    Raises CannotStart when the file cannot be read as certificates.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())  # a slim container has no store of its own
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise CannotStart(
                f"ca_file {ca_file} cannot be read as certificates ({error})", "Point it to a PEM file"
            ) from error
    return context
