"""Under which name what we know of a credential is kept: a fingerprint that stays when an hourly token does not."""

from typing import Protocol, runtime_checkable

from shared import credentials
from shared.config.settings import ProviderSettings
from shared.secret import SecretSource, fingerprint


@runtime_checkable
class Identified(Protocol):
    """Settings whose credential is more than a token."""

    def identity(self) -> str | None:
        """What tells it from others, None without one; raises SecretUnavailable."""


def credential_name(instance: str, settings: ProviderSettings) -> str:
    """The key of its row in `credentials`, the same in every process; raises SecretUnavailable."""
    if isinstance(settings, Identified):
        return credentials.name_of(instance, settings.identity())
    secret = getattr(settings, "token", SecretSource()).read()
    return credentials.name_of(instance, None if secret is None else fingerprint(secret))
