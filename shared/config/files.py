"""Where settings come from: the TOML file, and the environment over it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from shared.config.mistakes import Mistakes, did_you_mean
from shared.config.secrets import is_secret, keys_of
from shared.errors import ConfigError

Origins = dict[tuple[str, str], str]

PREFIX = "OBSERVATORY_"

PLAIN_VARIABLES = {
    "PORT": ("server", "port"),
    "WEB_CONCURRENCY": ("server", "workers"),
    "LOG_LEVEL": ("logging", "level"),
    "DATABASE_URL_FILE": ("database", "url"),
    "DATABASE_URL": ("database", "url"),
}
"""What hosting platforms set by custom, and what it means here; our own variables win over it.

Of two for one key the later one here wins.
"""


def read_toml(path: Path) -> dict[str, Any]:
    """The file's tables; raises ConfigError when it cannot be read or is not TOML, with the line."""
    try:
        return tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError as error:
        raise ConfigError([(str(path), "no such file; copy config.example.toml there and edit it")]) from error
    except OSError as error:
        raise ConfigError([(str(path), f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([(str(path), f"is not UTF-8 text (byte {error.start}); save it as UTF-8")]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([(str(path), f"is not valid TOML: {error}")]) from error


def overlay_environment(
    raw: dict[str, Any], sections: Mapping[str, type[BaseModel]], environ: Mapping[str, str], mistakes: Mistakes
) -> Origins:
    """Put what the environment says over the file's scalar sections, in place; tells which variable set what."""
    origins: Origins = {}
    for variable, (section, key) in PLAIN_VARIABLES.items():
        if environ.get(variable, "").strip():
            _overlay(raw, sections[section], (section, key), variable, environ)
            origins[section, key] = variable
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or "__" not in variable or not environ[variable].strip():
            continue
        section, key = variable.removeprefix(PREFIX).lower().split("__", 1)
        if section not in sections:
            mistakes.append((variable, f"no section is called {section}; {did_you_mean(section, sections)}"))
        elif key not in keys_of(sections[section]) and key not in sections[section].model_fields:
            mistakes.append((variable, f"unknown key; {did_you_mean(key, keys_of(sections[section]))}"))
        else:
            _overlay(raw, sections[section], (section, key), variable, environ)
            origins[section, key] = variable
    return origins


def _overlay(
    raw: dict[str, Any], model: type[BaseModel], place: tuple[str, str], variable: str, environ: Mapping[str, str]
) -> None:
    section, key = place
    table = raw.setdefault(section, {})
    if not isinstance(table, dict):
        return  # that mistake is told where the section is validated
    name = key.removesuffix("_env").removesuffix("_file")
    if key in model.model_fields and is_secret(model, key):
        # The variable holds the secret itself, or, by the custom of DATABASE_URL_FILE, the path of its file.
        for ending in ("env", "file"):
            table.pop(f"{key}_{ending}", None)
        if variable.endswith("_FILE"):
            table[f"{key}_file"] = environ[variable].strip()
        else:
            table[f"{key}_env"] = variable
    elif key not in model.model_fields and is_secret(model, name):
        for ending in ("env", "file"):
            table.pop(f"{name}_{ending}", None)
        table[key] = environ[variable].strip()
    else:
        table[key] = _parsed(model, key, environ[variable].strip())


def _parsed(model: type[BaseModel], key: str, text: str) -> object:
    """A variable's text; a list is written with commas."""
    if "tuple" in str(model.model_fields[key].annotation):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
