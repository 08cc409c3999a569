"""The keys of a table that hold a secret: the file names where it is, and here it is read."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr

from shared.log.redaction import looks_like_secret
from shared.secret import SecretSource, SecretUnavailable, fingerprint

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_secret(model: type[BaseModel], name: str) -> bool:
    """Whether a field holds a secret, so that the file may only name where it is."""
    annotation = model.model_fields[name].annotation
    return bool({SecretSource, SecretStr} & {annotation, *get_args(annotation)})


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys a table of this model may have in the file; a secret has two, `<name>_env` and `<name>_file`."""
    keys: list[str] = []
    for name in model.model_fields:
        keys += (f"{name}_env", f"{name}_file") if is_secret(model, name) else (name,)
    return tuple(keys)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A table with its secrets read: what is wrong with how one is named, and what is named well but cannot be had.

    Both are (path, words) by the field they are about; the table has none of these fields.
    """

    table: dict[str, Any] = field(default_factory=dict)
    mistakes: dict[str, tuple[str, str]] = field(default_factory=dict)
    unavailable: dict[str, tuple[str, str]] = field(default_factory=dict)


def resolve_secrets(
    model: type[BaseModel], table: Mapping[str, Any], path: str, environ: Mapping[str, str]
) -> Resolved:
    """The table with `<name>_env` and `<name>_file` replaced by the secret they name.

    A field of type SecretSource gets the source (already tried), one of type SecretStr the value itself.
    """
    found, dot = Resolved(dict(table)), "." if path else ""
    for name in (each for each in model.model_fields if is_secret(model, each)):
        env, file = (found.table.pop(f"{name}_{ending}", None) for ending in ("env", "file"))
        if name in found.table:
            found.mistakes[name] = (f"{path}{dot}{name}", _not_in_the_file(name))
            del found.table[name]
        elif problem := _what_is_wrong(name, env, file):
            found.mistakes[name] = (f"{path}{dot}{problem[0]}", problem[1])
        elif env or file:
            source = SecretSource(env=env, file=Path(file) if file else None, environ=environ)
            try:
                secret = source.read()
                found.table[name] = source if _wants_source(model, name) else secret
            except SecretUnavailable as error:
                found.unavailable[name] = (f"{path}{dot}{name}_{'env' if env else 'file'}", str(error))
    return found


def named_secrets(model: type[BaseModel], table: Mapping[str, Any]) -> dict[str, str]:
    """Where a table says that its secrets are, as it says it: `{"password_env": "SMTP_PASSWORD"}`."""
    keys = {f"{name}_{ending}" for name in model.model_fields if is_secret(model, name) for ending in ("env", "file")}
    return {key: str(table[key]) for key in sorted(keys & table.keys())}


def secret_prints(settings: BaseModel | None) -> tuple[str, ...]:
    """What knows each secret of settings again without telling it; nothing of one that cannot be had."""
    found = []
    for name in type(settings).model_fields if settings is not None else ():
        value = getattr(settings, name)
        with suppress(SecretUnavailable):
            secret = value.read() if isinstance(value, SecretSource) else value
            found += [fingerprint(secret)] if isinstance(secret, SecretStr) else []
    return tuple(found)


def _wants_source(model: type[BaseModel], name: str) -> bool:
    annotation = model.model_fields[name].annotation
    return SecretSource in {annotation, *get_args(annotation)}


def _not_in_the_file(name: str) -> str:
    return (
        f"a secret is never written into the file; put it into an environment variable and name that with "
        f'{name}_env = "NAME", or into a file of its own and say {name}_file = "/path/to/it"'
    )


def _what_is_wrong(name: str, env: object, file: object) -> tuple[str, str] | None:
    """A mistake in how a secret is named, as (key, words); the value is not repeated, it may be the secret itself."""
    if env is not None and file is not None:
        return f"{name}_env", f"{name}_env and {name}_file are both set; keep one of them"
    for ending, value in (("env", env), ("file", file)):
        if value is not None and (not isinstance(value, str) or not value.strip()):
            return f"{name}_{ending}", "must be text in quotes"
        if isinstance(value, str) and looks_like_secret(value):
            return f"{name}_{ending}", f"this looks like the secret itself: {_not_in_the_file(name)}"
    if isinstance(env, str) and not _VARIABLE_NAME.fullmatch(env):
        return f"{name}_env", "must be the name of an environment variable: letters, digits and underscores"
    return None
