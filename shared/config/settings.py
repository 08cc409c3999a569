"""The configuration: one TOML file, the environment over it, every mistake told at once."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from fnmatch import fnmatchcase
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from shared.config.fields import HttpUrl, Name, Seconds, Settings, TimeOfDay, Zone
from shared.config.files import Origins, overlay_environment, read_toml
from shared.config.mistakes import Mistakes, did_you_mean
from shared.config.patterns import finder, is_exclusion, is_pattern
from shared.config.routes import RouteSettings
from shared.config.secrets import is_secret, named_secrets
from shared.config.tables import TableReader
from shared.config.telemetry import TelemetrySettings
from shared.errors import ConfigError
from shared.secret import SecretSource
from shared.signatures import what_is_wrong

DEFAULT_PROJECT = "default"


class ServerSettings(Settings):
    """`[server]`: where the API listens and who may ask."""

    host: str = Field("127.0.0.1", min_length=1, description="the address to listen on")
    port: int = Field(8080, ge=0, le=65_535, description="the port to listen on; 0 takes any free one")
    base_url: HttpUrl = Field(
        default_factory=lambda known: _own_url(known["host"], known["port"]),
        description="the address people reach this under, used for links",
    )
    workers: int = Field(1, ge=1, le=64, description="API processes")
    max_sockets: int = Field(5000, ge=1, le=1_000_000, description="open WebSockets one API process accepts")
    max_sockets_per_address: int = Field(
        50, ge=1, le=1_000_000, description="of those, open from one address (loopback is not counted)"
    )
    public_read: bool = Field(False, description="whether reading needs no key even off loopback")
    public_badges: bool = Field(False, description="whether badges addressed by name need no key even off loopback")
    allowed_hosts: tuple[str, ...] = Field((), description="names accepted in Host besides our own")
    allowed_origins: tuple[HttpUrl, ...] = Field((), description="other sites whose pages may open sockets")
    trusted_proxies: int = Field(0, ge=0, le=10, description="reverse proxies in front of the API")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the API, so that reads are free."""
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"


def _own_url(host: str, port: int) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared, not bound)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def default_data_folder(environ: Mapping[str, str] = os.environ, *, is_root: bool | None = None) -> Path:
    """Where our own data lives: `/var/lib` for root, the user's data folder for everyone else."""
    if os.geteuid() == 0 if is_root is None else is_root:
        return Path("/var/lib/build-observatory")
    # The XDG rule: a relative path there is to be ignored.
    configured = environ.get("XDG_DATA_HOME", "")
    home = Path(environ.get("HOME") or Path.home())
    return (Path(configured) if configured.startswith("/") else home / ".local/share") / "build-observatory"


class DatabaseSettings(Settings):
    """`[database]`: yours by `DATABASE_URL`, else a private PostgreSQL in `folder`."""

    url: SecretStr | None = Field(None, description="your PostgreSQL; none starts a private one")
    direct_url: SecretStr | None = Field(None, description="the same database past a transaction-pooling proxy")
    is_pooled: bool = Field(False, description="whether `url` leads through a transaction-pooling proxy")
    pool_size: int = Field(8, ge=1, le=200, description="connections one process holds at most")
    folder: Path = Field(default_factory=default_data_folder, description="the folder of the private PostgreSQL")

    @field_validator("url", "direct_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        schemes = ("postgres://", "postgresql://", "postgresql+psycopg://")
        if value is not None and not value.get_secret_value().startswith(schemes):
            raise ValueError("must be a PostgreSQL address; it begins with postgresql://")
        return value

    @field_validator("folder")
    @classmethod
    def _is_absolute(cls, value: Path) -> Path:
        expanded = value.expanduser()
        return expanded if expanded.is_absolute() else Path.cwd() / expanded


class SchedulerSettings(Settings):
    """`[scheduler]`: how much is collected at once and how often at most."""

    workers: int = Field(8, ge=1, le=256, description="sources polled at the same time by one scheduler")
    poll_floor_seconds: Seconds = Field(30, ge=1, le=86_400, description="the shortest wait between two polls")


class LoggingSettings(Settings):
    """`[logging]`: how much is said and in which form."""

    level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"],
        BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
    ] = Field("info", description="the least important message that is still written")
    format: Literal["auto", "console", "json"] = Field("auto", description="console on a terminal, JSON otherwise")


class ProjectSettings(Settings):
    """`[[projects]]`: a named group of pipelines with an owning team."""

    key: Name = Field(description="its short name in URLs and filters")
    name: str = Field(default_factory=lambda known: known["key"], min_length=1, description="its name for people")
    team: str | None = Field(None, description="the team that owns it")
    sources: tuple[str, ...] = Field((), description="patterns `instance:scope`")
    pipelines: tuple[str, ...] = Field((), description="patterns `instance:scope/pipeline` or `instance:pipeline`")

    @field_validator("sources", "pipelines")
    @classmethod
    def _have_an_instance(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            if ":" not in pattern.strip(":"):
                raise ValueError(f'"{pattern}" names no instance; write it like "github.com:acme/*"')
        return patterns


class ProviderSettings(Settings):
    """`[[providers]]`: one installation of a CI system; each kind adds its own keys in its own file."""

    kind: str = Field(description="the kind of CI system")
    name: Name = Field(description="the name of this installation, unique")
    base_url: HttpUrl = Field(description="the address of its API")
    watch: tuple[str, ...] = Field((), description="what to collect from it; `*` finds more, `!` leaves out")
    webhook_secret: SecretSource = Field(
        default_factory=SecretSource, description="proves that a webhook comes from it; none takes no webhooks"
    )
    webhook_previous_secret: SecretSource = Field(
        default_factory=SecretSource, description="the secret before, taken as well while it is being replaced"
    )

    @field_validator("webhook_secret", "webhook_previous_secret")
    @classmethod
    def _can_prove(cls, source: SecretSource, info: ValidationInfo) -> SecretSource:
        secret = source.read()
        problem = what_is_wrong(info.data.get("kind", ""), secret.get_secret_value()) if secret else None
        if problem:
            raise ValueError(f"names a secret that cannot be used: {problem}")
        return source

    @field_validator("webhook_previous_secret")
    @classmethod
    def _has_a_successor(cls, previous: SecretSource, info: ValidationInfo) -> SecretSource:
        if previous != SecretSource() and info.data.get("webhook_secret") == SecretSource():
            raise ValueError("stands beside webhook_secret, which is missing; name the new secret there")
        return previous

    def webhook_secrets(self) -> tuple[str, ...]:
        """The secrets webhooks are believed by, read anew; raises SecretUnavailable."""
        found = (source.read() for source in (self.webhook_secret, self.webhook_previous_secret))
        return tuple(secret.get_secret_value() for secret in found if secret is not None)

    @field_validator("watch")
    @classmethod
    def _excludes_from_something(cls, watch: tuple[str, ...]) -> tuple[str, ...]:
        exclusions = [entry for entry in watch if is_exclusion(entry)]
        if exclusions and not any(map(is_pattern, watch)):
            raise ValueError(f'"{exclusions[0]}" leaves out what a pattern finds, and there is none, such as "owner/*"')
        return watch

    @property
    def scopes(self) -> tuple[str, ...]:
        """The sources that are named one by one."""
        return tuple(entry for entry in self.watch if not is_exclusion(entry) and not is_pattern(entry))

    @property
    def patterns(self) -> tuple[str, ...]:
        """The entries that stand for whatever they match at the provider."""
        return tuple(filter(is_pattern, self.watch))

    @property
    def exclusions(self) -> tuple[str, ...]:
        """The globs of what the patterns leave out, without their `!`."""
        return tuple(entry.removeprefix("!") for entry in self.watch if is_exclusion(entry))

    def watches(self, scope: str) -> bool:
        """Whether the configuration asks for this source, by its name or by a pattern."""
        return scope in self.scopes or finder(self.patterns, self.exclusions, scope) is not None


class WebhookSettings(ProviderSettings):
    """`[[providers]]` as a process sees it that only takes webhooks: it needs no token and knows no kind's own keys."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    base_url: HttpUrl = Field("", description="the address of its API")


class DigestPeriod(StrEnum):
    """How often a receiver gets a digest."""

    DAILY = "daily"
    WEEKLY = "weekly"
    NEVER = "never"


class ReceiverSettings(Settings):
    """`[[receivers]]`: one place messages go to; each kind adds its own keys in its own file."""

    kind: str = Field(description="the kind of receiver")
    name: Name = Field(description="the name of this receiver, unique")
    group_wait: Seconds = Field(
        20, ge=0, le=3600, description="how long the first news waits for more of the same storm"
    )
    group_interval: Seconds = Field(300, ge=0, le=86_400, description="the shortest time between two messages of news")
    digest: DigestPeriod = Field(
        DigestPeriod.DAILY, description="how often what was not told is summed up; a weekly one comes on Monday"
    )
    digest_at: TimeOfDay = Field(time(9), description='when the digest comes, such as "09:00"')
    timezone: Zone = Field("UTC", description="the time zone of digest_at and of the times in messages")
    operations: bool | None = Field(
        None,
        description="whether it hears what is wrong with us: a provider that is away, a receiver that is off; "
        "where none says true, all do",
    )


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything configured; `origins` tells which variable of the environment set a `(section, key)`.

    `receiver_secrets` tells, by a receiver's name, where the file says that its secrets are.
    """

    server: ServerSettings = field(default_factory=ServerSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    scheduler: SchedulerSettings = field(default_factory=SchedulerSettings)
    logging: LoggingSettings = field(default_factory=LoggingSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    projects: tuple[ProjectSettings, ...] = ()
    providers: tuple[ProviderSettings, ...] = ()
    receivers: tuple[ReceiverSettings, ...] = ()
    routes: tuple[RouteSettings, ...] = ()
    receiver_secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    path: Path | None = None
    origins: Mapping[tuple[str, str], str] = field(default_factory=dict)


SECTIONS: Mapping[str, type[Settings]] = {
    "server": ServerSettings,
    "database": DatabaseSettings,
    "scheduler": SchedulerSettings,
    "logging": LoggingSettings,
    "telemetry": TelemetrySettings,
}
"""The sections that stand once, whose keys the environment can set."""

LISTS = ("projects", "providers", "receivers", "routes")


def load(
    path: Path | None,
    *,
    providers: Mapping[str, type[ProviderSettings]] | None = None,
    receivers: Mapping[str, type[ReceiverSettings]] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """The configuration of a file (None: only defaults and environment); raises ConfigError with every mistake.

    `providers` and `receivers` map each kind to its settings class; None leaves that section unread.
    """
    mistakes: Mistakes = []
    raw = read_toml(path) if path is not None else {}
    for name in sorted(raw.keys() - SECTIONS.keys() - set(LISTS)):
        mistakes.append((name, f"unknown section; {did_you_mean(name, [*SECTIONS, *LISTS])}"))
    written = {name: dict(raw[name]) for name in SECTIONS if isinstance(raw.get(name), dict)}
    origins = overlay_environment(raw, SECTIONS, environ, mistakes)
    mistakes += _mistakes_behind(written, origins)
    reader = TableReader(raw, environ, origins, mistakes)
    raw.setdefault("database", {})
    if isinstance(raw["database"], dict):
        raw["database"].setdefault("folder", default_data_folder(environ))
    config = Config(
        server=reader.section("server", ServerSettings),
        database=reader.section("database", DatabaseSettings),
        scheduler=reader.section("scheduler", SchedulerSettings),
        logging=reader.section("logging", LoggingSettings),
        telemetry=reader.section("telemetry", TelemetrySettings),
        projects=reader.tables("projects", None, ProjectSettings, "key"),
        providers=() if providers is None else reader.tables("providers", providers, ProviderSettings, "name"),
        receivers=() if receivers is None else reader.tables("receivers", receivers, ReceiverSettings, "name"),
        routes=reader.tables("routes", None, RouteSettings, "name"),
        receiver_secrets=_receiver_secrets(raw.get("receivers"), receivers or {}),
        path=path,
        origins=origins,
    )
    if providers is not None:
        mistakes += _unknown_instances(config)
    if receivers is not None:
        mistakes += _unknown_receivers(config, raw.get("receivers"))
    if mistakes:
        raise ConfigError(mistakes)
    return config


def _mistakes_behind(written: Mapping[str, dict[str, Any]], origins: Origins) -> Mistakes:
    """What is wrong in the file where a variable stands over it: it would stop us on the day the variable is gone."""
    mistakes: Mistakes = []
    for section, key in origins:
        model = SECTIONS[section]
        if key in model.model_fields and not is_secret(model, key) and key in written.get(section, {}):
            TableReader({section: {key: written[section][key]}}, {}, {}, mistakes).section(section, model)
    return mistakes


def _receiver_secrets(tables: object, kinds: Mapping[str, type[ReceiverSettings]]) -> Mapping[str, Mapping[str, str]]:
    return {
        name: named_secrets(kinds[table["kind"]], table)
        for name, table in _by_name(tables).items()
        if isinstance(table.get("kind"), str) and table["kind"] in kinds
    }


def _by_name(tables: object) -> dict[str, dict[str, Any]]:
    """The tables that have a name, right or wrong in all else."""
    found = [table for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    return {table["name"]: table for table in found if isinstance(table.get("name"), str)}


def _unknown_receivers(config: Config, tables: object) -> Mistakes:
    """Routes to receivers that the file has not: it stands alone, so one made by API is none of its."""
    names = _by_name(tables)
    return [
        (f"routes[{index}].receivers[{place}]", f"no receiver is called {name}; {did_you_mean(name, names)}")
        for index, route in enumerate(config.routes)
        for place, name in enumerate(route.receivers)
        if name not in names
    ]


def _unknown_instances(config: Config) -> Mistakes:
    """Projects' and routes' patterns for things that are not configured (one with `*` there is not judged)."""
    names = [provider.name for provider in config.providers]
    mistakes: Mistakes = []
    for index, project in enumerate(config.projects):
        for key in ("sources", "pipelines"):
            for place, pattern in enumerate(getattr(project, key)):
                instance = pattern.partition(":")[0]
                if not set("*?[") & set(instance) and instance not in names:
                    words = f"no provider is called {instance}; {did_you_mean(instance, names)}"
                    mistakes.append((f"projects[{index}].{key}[{place}]", words))
    projects = [DEFAULT_PROJECT, *(project.key for project in config.projects)]
    for index, route in enumerate(config.routes):
        mistakes += [(f"routes[{index}].{path}", words) for path, words in unknown_names(route, names, projects)]
    return mistakes


def unknown_names(route: RouteSettings, instances: Iterable[str], projects: Iterable[str]) -> Mistakes:
    """Patterns of a route that are the plain name of an installation or a project which is not there."""
    mistakes: Mistakes = []
    for key, called, known in (("instance", "provider", list(instances)), ("project", "project", list(projects))):
        for place, pattern in enumerate(getattr(route, key)):
            if not set("*?[") & set(pattern) and pattern not in known:
                words = f"no {called} is called {pattern}; {did_you_mean(pattern, known)}"
                mistakes.append((f"{key}[{place}]", words))
    return mistakes


def project_for(
    projects: Iterable[ProjectSettings], instance: str, scope: str, pipeline_name: str | None = None
) -> str:
    """The key of the project a pipeline (or, without a name, a whole source) belongs to.

    A pattern over pipelines is more particular and wins over one over sources; among equals the first in the file.
    """
    projects = tuple(projects)
    if pipeline_name is not None:
        names = (f"{instance}:{scope}/{pipeline_name}", f"{instance}:{pipeline_name}")
        for project in projects:
            if any(fnmatchcase(name, pattern) for pattern in project.pipelines for name in names):
                return project.key
    for project in projects:
        if any(fnmatchcase(f"{instance}:{scope}", pattern) for pattern in project.sources):
            return project.key
    return DEFAULT_PROJECT
