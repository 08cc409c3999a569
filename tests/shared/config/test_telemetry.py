"""`[telemetry]`: an endpoint, and headers that stay secret."""

from pathlib import Path

import pytest

from shared.config.settings import load
from shared.config.telemetry import TelemetrySettings
from shared.errors import ConfigError


def telemetry(folder: Path, *lines: str, **environ: str) -> TelemetrySettings:
    path = folder / "config.toml"
    path.write_text("\n".join(["[telemetry]", *lines]))
    return load(path, environ=environ).telemetry


def test_without_an_endpoint_nothing_is_sent(folder: Path) -> None:
    assert telemetry(folder).endpoint is None


def test_headers_are_read_from_where_the_file_says(folder: Path) -> None:
    lines = ('endpoint = "https://otel.example.com/"', 'headers_env = "OTEL_HEADERS"')

    found = telemetry(folder, *lines, OTEL_HEADERS="authorization=Bearer a=b==, x-scope = ci ,")

    assert found.endpoint == "https://otel.example.com"
    assert found.read_headers() == {"authorization": "Bearer a=b==", "x-scope": "ci"}
    assert "Bearer" not in repr(found)


def test_the_environment_may_hold_all_of_it(folder: Path) -> None:
    found = telemetry(
        folder,
        OBSERVATORY_TELEMETRY__ENDPOINT="http://127.0.0.1:4318",
        OBSERVATORY_TELEMETRY__HEADERS="x-key=abc",
        OBSERVATORY_TELEMETRY__METRICS="false",
    )

    assert (found.endpoint, found.metrics, found.read_headers()) == ("http://127.0.0.1:4318", False, {"x-key": "abc"})


@pytest.mark.parametrize(
    ("endpoint", "headers", "problem"),
    [
        ("http://otel.example.com", "x-key=abc", "unencrypted"),
        ("https://otel.example.com", "Bearer-abc-of-somebody", "no list of headers"),
        ("otel.example.com:4318", "x-key=abc", "not an http:// or https:// URL"),
    ],
)
def test_what_is_wrong_is_told_without_the_secret(folder: Path, endpoint: str, headers: str, problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        telemetry(folder, f'endpoint = "{endpoint}"', 'headers_env = "OTEL_HEADERS"', OTEL_HEADERS=headers)

    assert problem in str(raised.value)
    assert "abc" not in str(raised.value)
