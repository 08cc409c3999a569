"""Tables of the configuration into settings objects, one by one, gathering what is wrong with each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.config.files import Origins
from shared.config.mistakes import Mistakes, explain, path_of
from shared.config.secrets import resolve_secrets

Settings = TypeVar("Settings", bound=BaseModel)


@dataclass(frozen=True)
class TableReader:
    """Validates the tables one by one and gathers what is wrong with them."""

    raw: dict[str, Any]
    environ: Mapping[str, str]
    origins: Origins
    mistakes: Mistakes

    def section(self, name: str, model: type[Settings]) -> Settings:
        table = self.raw.get(name, {})
        if not isinstance(table, dict):
            self.mistakes.append((name, f"must be a table: write [{name}] on a line of its own, and its keys below"))
            return model()
        return self._validated(table, model, (name,)) or model()

    def tables(
        self, section: str, kinds: Mapping[str, type[Settings]] | None, model: type[Settings], identity: str
    ) -> tuple[Settings, ...]:
        tables = self.raw.get(section, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.mistakes.append((section, f"must be a list of tables: write [[{section}]], with double brackets"))
            return ()
        found = []
        for index, table in enumerate(tables):
            chosen = model if kinds is None else self._kind(table, kinds, (section, index))
            if chosen is not None and (settings := self._validated(table, chosen, (section, index))):
                found.append(settings)
        self.mistakes.extend(_repeated(section, tables, identity))
        return tuple(found)

    def _kind(
        self, table: Mapping[str, Any], kinds: Mapping[str, type[Settings]], path: tuple[str, int]
    ) -> type[Settings] | None:
        kind = table.get("kind")
        if isinstance(kind, str) and kind in kinds:
            return kinds[kind]
        words = ", ".join(f'"{known}"' for known in sorted(kinds))
        problem = "is missing" if kind is None else f"{kind!r} is not a kind we know"
        self.mistakes.append((path_of((*path, "kind")), f"{problem}; it can be {words}"))
        return None

    def _validated(
        self, table: Mapping[str, Any], model: type[Settings], path: tuple[str | int, ...]
    ) -> Settings | None:
        resolved = resolve_secrets(model, table, path_of(path), self.environ)
        told = resolved.mistakes | resolved.unavailable
        self.mistakes.extend(told.values())
        try:
            return model.model_validate(resolved.table)
        except ValidationError as error:
            self.mistakes.extend(explain(error, model, path, self.origins, known=told))
            return None


def _repeated(section: str, tables: Sequence[Mapping[str, Any]], identity: str) -> Mistakes:
    """Names given twice, and things one table watches twice."""
    mistakes: Mistakes = []
    first: dict[object, int] = {}
    for index, table in enumerate(tables):
        name = table.get(identity)
        if isinstance(name, str) and name in first:
            words = f'"{name}" is already {section}[{first[name]}]; every one needs a {identity} of its own'
            mistakes.append((f"{section}[{index}].{identity}", words))
        elif isinstance(name, str):
            first[name] = index
        watched = table.get("watch", [])
        for place, scope in enumerate(watched if isinstance(watched, list) else []):
            if scope in watched[:place]:
                mistakes.append((f"{section}[{index}].watch[{place}]", f'"{scope}" is watched twice; keep one'))
    return mistakes
