"""A secret named by an environment variable or a file: read when needed, masked wherever it shows."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import GetCoreSchemaHandler, SecretStr
from pydantic_core import CoreSchema, core_schema

from shared.errors import ObservatoryError
from shared.log.redaction import register_secret

LARGEST_BYTES = 64 * 1024

_PEM = re.compile(r"-----BEGIN [A-Z ]{1,40}-----[A-Za-z0-9+/=\r\n]+-----END [A-Z ]{1,40}-----")


class SecretUnavailable(ObservatoryError):
    """A secret is named but cannot be read; the message says which and why, never its value."""


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret comes from: `env` names a variable, `file` a file; neither means that there is none.

    A variable that is not set falls back to `<NAME>_FILE`, the custom of container images. A file is read anew each
    time, so that a rotated secret is picked up without a restart.
    """

    env: str | None = None
    file: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False, compare=False)

    def read(self) -> SecretStr | None:
        """The secret, or None when none is named; raises SecretUnavailable when one is named and cannot be had."""
        if self.env is not None:
            return self._from_environment(self.env)
        return _from_file(self.file) if self.file is not None else None

    def _from_environment(self, name: str) -> SecretStr:
        if value := self.environ.get(name, "").strip():
            return _checked(value, f"the environment variable {name}")
        if file := self.environ.get(f"{name}_FILE", "").strip():
            return _from_file(Path(file))
        raise SecretUnavailable(f"the environment variable {name} is not set; set it, or {name}_FILE to a file's path")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.is_instance_schema(cls)


def fingerprint(secret: SecretStr) -> str:
    """Sixteen hexadecimal digits that know a credential again without telling it."""
    return hashlib.sha256(secret.get_secret_value().encode()).hexdigest()[:16]


def _from_file(file: Path) -> SecretStr:
    try:
        with file.expanduser().open("rb") as opened:
            content = opened.read(LARGEST_BYTES + 1)
        text = content.decode().strip()
    except OSError as error:
        raise SecretUnavailable(f"the file {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SecretUnavailable(f"the file {file} is not text in UTF-8") from error
    if len(content) > LARGEST_BYTES:
        raise SecretUnavailable(f"the file {file} is larger than {LARGEST_BYTES // 1024} KB, too large for a secret")
    if not text:
        raise SecretUnavailable(f"the file {file} is empty")
    return _checked(text, f"the file {file}")


def _checked(text: str, origin: str) -> SecretStr:
    """A line break or another control character would end a header early, and is meant in a key (PEM) alone."""
    if not text.isprintable() and not _PEM.fullmatch(text):
        raise SecretUnavailable(f"{origin} holds a line break or another control character; it must be a single line")
    register_secret(text)
    return SecretStr(text)
