"""The documentation names every key there is and no other, with its default; the example works as it is."""

import re
import tomllib
from datetime import time
from pathlib import Path

import pytest
from pydantic import BaseModel

from alerts import RECEIVERS
from collectors import COLLECTORS
from shared.config.fields import parse_duration
from shared.config.files import PLAIN_VARIABLES
from shared.config.routes import QuietHours, RouteSettings
from shared.config.secrets import keys_of
from shared.config.settings import SECTIONS, ProjectSettings, ReceiverSettings, load

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "config.example.toml"
PROVIDERS = {kind: collector.settings_class for kind, collector in COLLECTORS.items()}

TABLES: dict[str, type[BaseModel]] = {
    **{f"`[{name}]`": model for name, model in SECTIONS.items()},
    "`[[projects]]`": ProjectSettings,
    **{f"`[[providers]]`, kind `{kind}`": model for kind, model in PROVIDERS.items()},
    "`[[receivers]]`": ReceiverSettings,
    **{f"`[[receivers]]`, kind `{kind}`": model for kind, model in RECEIVERS.items()},
    "`[[routes]]`": RouteSettings,
    "`[routes.quiet_hours]`": QuietHours,
}
OF_EVERY_RECEIVER = set(ReceiverSettings.model_fields)


def documented() -> dict[str, dict[str, str]]:
    """Heading to key to the text of its default."""
    text = (ROOT / "docs/configuration.md").read_text()
    found: dict[str, dict[str, str]] = {}
    for heading, body in re.findall(r"^## (`\[.*)\n((?:(?!^## ).*\n?)*)", text, re.MULTILINE):
        rows = re.findall(r"^\| (`[a-z].*?) \| .*? \| (.*?) \| .+ \|$", body, re.MULTILINE)
        found[heading] = {key: default for keys, default in rows for key in re.findall(r"`([a-z_]+)`", keys)}
    return found


def test_every_section_and_kind_is_documented_and_no_other() -> None:
    assert set(documented()) == set(TABLES)


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_is_documented_and_every_documented_key_exists(heading: str) -> None:
    elsewhere = OF_EVERY_RECEIVER if heading.startswith("`[[receivers]]`, kind") else set()
    assert set(documented()[heading]) == set(keys_of(TABLES[heading])) - elsewhere


@pytest.mark.parametrize("heading", TABLES)
def test_a_documented_default_is_the_default(heading: str) -> None:
    for name, field in TABLES[heading].model_fields.items():
        if name not in documented()[heading] or field.default_factory is not None:
            continue
        told = documented()[heading][name]
        if field.is_required():
            assert told == "required", name
        elif field.default is None:
            assert told == "none", name
        else:
            default = list(field.default) if isinstance(field.default, tuple) else field.default
            assert default == meant(tomllib.loads(f"value = {told.strip('`')}")["value"], default), name


def meant(value: object, default: object) -> object:
    """A value as it is written, in the form of the default: a duration and a time of day are text in the file."""
    if isinstance(default, time):
        return time.fromisoformat(str(value))
    return parse_duration(value) if isinstance(default, int | float) else value


def test_every_variable_of_the_environment_is_documented() -> None:
    text = (ROOT / "docs/configuration.md").read_text()

    assert [variable for variable in PLAIN_VARIABLES if f"`{variable}`" not in text] == []


def test_the_example_works_as_it_is() -> None:
    config = load(EXAMPLE, providers=PROVIDERS, receivers=RECEIVERS, environ={})

    (github,) = config.providers
    assert (github.kind, len(github.watch)) == ("github", 3)
    assert config.server.is_loopback


def test_the_example_is_still_right_with_everything_in_it_switched_on(tmp_path: Path) -> None:
    lines = EXAMPLE.read_text().splitlines()
    text = "\n".join(re.sub(r"^# (?=[a-z_]+ = |\[\[|\[routes)", "", line) for line in lines)
    path = tmp_path / "config.toml"
    path.write_text(text.replace('token_file = "/run/secrets/github_token"\n', ""))
    environ = {
        "GITHUB_TOKEN": "token-of-github-com",
        "GITHUB_WEBHOOK_SECRET": "webhook-secret-of-github-com",
        "GHES_TOKEN": "token-of-the-enterprise-server",
        "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/x",
        "SMTP_PASSWORD": "password-of-the-mail-server",
        "OTEL_HEADERS": "authorization=Bearer token-of-the-telemetry",
    }

    config = load(path, providers=PROVIDERS, receivers=RECEIVERS, environ=environ)

    parts = (config.providers, config.receivers, config.routes, config.projects)
    assert [len(part) for part in parts] == [2, 2, 3, 1]
    assert str(config.database.folder) == "/srv/build-observatory"
