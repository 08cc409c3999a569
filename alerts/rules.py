"""What is in force: routes in their order, what receivers want, silences; read anew whenever one of them changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.config.routes import Matchers, RouteSettings
from shared.config.settings import ReceiverSettings

DEFAULT_ROUTE = "default"
"""The name of the route that stands in where none is configured: to every receiver, what broke and was fixed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """From `starts_at` until `ends_at` nothing is told of what the matchers fit."""

    id: int
    matchers: Matchers
    reason: str
    author: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Routes by name in the order they are asked, receivers' common settings by name, silences that are not over.

    `routes` is never empty where there are receivers. A route may name a receiver that is not there; it is passed over.
    """

    version: int = 0
    routes: Mapping[str, RouteSettings]
    receivers: Mapping[str, ReceiverSettings]
    silences: tuple[Silence, ...] = ()

    @classmethod
    def default(cls, receivers: Mapping[str, ReceiverSettings]) -> "Rules":
        """The rules where no route is configured."""
        return cls(routes=with_default({}, receivers), receivers=receivers)


def with_default(
    routes: Mapping[str, RouteSettings], receivers: Mapping[str, ReceiverSettings]
) -> Mapping[str, RouteSettings]:
    """The routes, or where there are none the one to every receiver."""
    if routes or not receivers:
        return routes
    return {DEFAULT_ROUTE: RouteSettings(name=DEFAULT_ROUTE, receivers=tuple(receivers))}
