"""Errors named for what the caller should do about them; every message is a sentence an operator can act on."""

from datetime import datetime


class ObservatoryError(Exception):
    """The root of everything we raise on purpose."""


class ConfigError(ObservatoryError):
    """The configuration has mistakes; `mistakes` lists all of them as (path, what is wrong and what would be right)."""

    def __init__(self, mistakes: list[tuple[str, str]]) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(f"{path}: {text}" for path, text in mistakes))


class CannotStart(ObservatoryError):
    """A process cannot start; `cure` says in words what the operator can do."""

    def __init__(self, problem: str, cure: str) -> None:
        self.problem = problem
        self.cure = cure
        super().__init__(f"{problem}. {cure}")


class ProviderError(ObservatoryError):
    """A provider's answer (or its absence) that ends this poll of this source."""


class RateLimited(ProviderError):
    """The credential may not be used before `retry_at`, which is our guess unless the provider told it (`is_told`)."""

    def __init__(self, message: str, retry_at: datetime, *, is_told: bool = True) -> None:
        self.retry_at = retry_at
        self.is_told = is_told
        super().__init__(message)


class Unauthorized(ProviderError):
    """401, or a 403 that is no rate limit: retrying with the same credential cannot help."""


class CredentialRefused(Unauthorized):
    """401 to a credential: it is wrong, expired or revoked, and nobody should try it again soon."""


class NotFound(ProviderError):
    """404 or 410: not there, no longer there, or not for this credential."""


class Unavailable(ProviderError):
    """The provider could not be reached, was too slow, or answered 5xx: worth another try later."""


class MalformedPayload(ProviderError):
    """The answer is not what the provider's API promises: HTML, truncated, too large, of another shape."""


class Unprocessable(MalformedPayload):
    """422: the provider understood the question and does not answer it, such as for a page too deep in a list."""


class LeaseLost(ObservatoryError):
    """Another process holds this source now; whatever this one still had to write is refused."""


class RetryLater(ObservatoryError):
    """A receiver could not take the message now; `retry_after_seconds` is its own wish, if it had one."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class Rejected(ObservatoryError):
    """A receiver refused the message for good: sending it again cannot help."""


class ReceiverGone(Rejected):
    """A receiver that takes no message any more, such as a webhook that was deleted: it is switched off."""
