"""A receiver made by API: the same keys as in the file, but of secrets only variables that are meant for it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from alerts import RECEIVERS
from alerts.receiver import OpenableSettings
from shared.alert_rules import written
from shared.config.mistakes import Mistakes, explain
from shared.config.secrets import is_secret, resolve_secrets
from shared.config.settings import ReceiverSettings

VARIABLES = "OBSERVATORY_RECEIVER_"
"""How the variables begin that a receiver made by API may name.

With any other its maker could have the scheduler send DATABASE_URL or a provider's token to a host of their choosing.
"""


@dataclass(frozen=True, slots=True)
class ReadTable:
    """What a table means. `settings` are there unless it has mistakes, or a `problem`: a secret that is not there."""

    settings: OpenableSettings | None = None
    mistakes: tuple[tuple[str, str], ...] = ()
    problem: str | None = None


def read_table(table: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> ReadTable:
    """The settings of a receiver made by API, secrets read from this process's environment."""
    kind = table.get("kind")
    model = RECEIVERS.get(kind) if isinstance(kind, str) else None
    if model is None:
        return ReadTable(mistakes=(("kind", _no_kind(kind)),))
    misplaced = _misplaced(model, table)
    resolved = resolve_secrets(model, {key: table[key] for key in table if key not in misplaced}, "", environ)
    told = [*misplaced.items(), *resolved.mistakes.values()]
    known = {name for name in model.model_fields if misplaced.keys() & {name, f"{name}_env", f"{name}_file"}}
    settings = None
    try:
        settings = model.model_validate(resolved.table)
    except ValidationError as error:
        told += explain(error, model, (), {}, {*known, *resolved.mistakes, *resolved.unavailable})
    if told:
        return ReadTable(mistakes=tuple(told))
    if resolved.unavailable:
        return ReadTable(problem="; ".join(words for _, words in resolved.unavailable.values()))
    return ReadTable(settings)


def to_store(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table without mistakes as it is kept: as it was written, durations and times in one form."""
    return dict(table) | written(common_part(table))


def common_part(table: Mapping[str, Any]) -> ReceiverSettings:
    """What every kind of receiver has; raises ValidationError where that is wrong."""
    return ReceiverSettings.model_validate({key: table[key] for key in ReceiverSettings.model_fields if key in table})


def _no_kind(kind: object) -> str:
    problem = "is missing" if kind is None else "is not a kind we know"
    return f"{problem}; it can be {', '.join(sorted(RECEIVERS))}"


def _misplaced(model: type[OpenableSettings], table: Mapping[str, Any]) -> dict[str, str]:
    """Keys that only the file may have, and what would be right; no value is repeated, it may be a secret."""
    found: Mistakes = []
    for name in model.model_fields:
        if is_secret(model, name):
            variable = table.get(f"{name}_env")
            if isinstance(variable, str) and not variable.startswith(VARIABLES):
                found.append((f"{name}_env", f"must name a variable that begins with {VARIABLES}"))
            found += [(key, _instead(name)) for key in (name, f"{name}_file") if key in table]
        elif name.endswith("_file") and table.get(name) is not None:
            found.append((name, "a receiver made by API reads no file; make one in the configuration file"))
    return dict(found)


def _instead(name: str) -> str:
    return (
        f"a secret is never sent here, and no file is read for a receiver made by API; put it into a variable of the "
        f'scheduler whose name begins with {VARIABLES}, and name that as "{name}_env"'
    )
