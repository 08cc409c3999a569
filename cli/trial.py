"""Trying a source before it is saved: does the credential work, what are its newest builds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from pydantic import ValidationError

from cli.failures import Mistaken
from collectors import COLLECTORS
from collectors.base import BaseCollector
from shared.config.mistakes import words as words_of
from shared.config.patterns import finder, parse_pattern
from shared.config.settings import ProviderSettings
from shared.errors import ProviderError, Unauthorized
from shared.observation import Observation


@dataclass(frozen=True, slots=True)
class Trial:
    """What trying a source or a pattern found; `is_refused` tells that it was the credential."""

    is_ok: bool
    is_refused: bool
    words: tuple[str, ...]
    builds: tuple[Observation, ...] = ()
    scopes: tuple[str, ...] = ()


def provider_named(providers: Sequence[ProviderSettings], name: str, scope: str) -> ProviderSettings:
    """The configured provider of this name, or the only one of this kind, with the scope found well-formed."""
    found = [provider for provider in providers if provider.name == name]
    found = found or [provider for provider in providers if provider.kind == name]
    if not found:
        known = ", ".join(f"{provider.name} ({provider.kind})" for provider in providers) or "none"
        raise Mistaken(
            [f"no provider is called {name}; configured: {known}"],
            f'Add [[providers]] with kind = "{name}" to the configuration first; config.example.toml shows how.',
        )
    if len(found) > 1:
        names = ", ".join(provider.name for provider in found)
        raise Mistaken([f"several providers are of the kind {name}: {names}; say which by its name"])
    try:
        type(found[0]).model_validate(dict(found[0]) | {"watch": (scope,)})
    except ValidationError as error:
        raise Mistaken([words_of(detail, type(found[0])) for detail in error.errors(include_url=False)]) from error
    return found[0]


def try_source(settings: ProviderSettings, scope: str, *, since: datetime, most: int) -> Trial:
    """Check the credential on the source and fetch its newest builds."""
    kind = COLLECTORS[settings.kind]
    try:
        with kind.open_client(settings) as client:
            collector = kind(settings, scope, client)
            check = collector.check()
            if not check.is_ok:
                return Trial(False, _is_refused(collector, since), check.words)
            return Trial(True, False, check.words, tuple(islice(_builds(collector, since), most)))
    except ProviderError as error:
        return Trial(False, isinstance(error, Unauthorized), (str(error),))


def try_pattern(settings: ProviderSettings, text: str) -> Trial:
    """List what a pattern stands for, without what the configuration leaves out."""
    kind, pattern = COLLECTORS[settings.kind], parse_pattern(text)
    try:
        with kind.open_client(settings) as client:
            found = [item.scope for item in kind.discover(settings, client, pattern)]
    except ProviderError as error:
        return Trial(False, isinstance(error, Unauthorized), (str(error),))
    return Trial(True, False, (), scopes=tuple(sorted(s for s in found if finder([text], settings.exclusions, s))))


def _builds(collector: BaseCollector[ProviderSettings], since: datetime) -> Iterator[Observation]:
    for page in collector.list_recent_builds(since):
        yield from page.observations


def _is_refused(collector: BaseCollector[ProviderSettings], since: datetime) -> bool:
    """`check` tells people in words what is wrong; whether it was the credential, the error itself tells."""
    try:
        next(iter(collector.list_recent_builds(since)), None)
    except Unauthorized:
        return True
    except ProviderError:
        return False
    return False
