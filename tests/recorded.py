"""The recorded payloads of the providers: where they are, and each as an exchange that can be served again."""

import base64
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

_CONNECTION_HEADERS = {"content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive"}


@dataclass(frozen=True)
class Exchange:
    """One recorded answer: of which folder, under which name, asked how, answered how; `url` is where it was asked."""

    folder: str
    name: str
    method: str
    target: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str | None = None

    @property
    def json(self) -> object:
        return json.loads(self.body)


def recordings() -> Path:
    """The folder that holds a folder of recordings for each provider, if there is one."""
    return Path(os.environ.get("OBSERVATORY_RECORDED") or Path(__file__).parents[2] / "shared" / "recorded")


def recorded(provider: str) -> Path:
    """The folder of a provider's recordings; skips the test where there is none, except on the build server."""
    folder = recordings() / provider
    if not folder.is_dir():
        pytest.skip(f"no recorded payloads at {folder}; set OBSERVATORY_RECORDED to the folder that holds {provider}/")
    return folder


def exchanges(provider: str) -> list[Exchange]:
    """Every recorded payload of a provider, each once."""
    if provider == "github":
        return github_exchanges()
    folder = recorded(provider)
    lines = [each for path in sorted(folder.glob("*/*.jsonl")) for each in _raw_rows(path)]
    files = [each for path in sorted(folder.iterdir()) for end in ("json", "txt") for each in _files(path, f"*.{end}")]
    return sorted([*lines, *files], key=lambda exchange: (exchange.folder, exchange.name))


def github_exchanges() -> list[Exchange]:
    """Every recorded payload of GitHub, each once."""
    folder = recorded("github")
    found = [
        *_wiremock(folder / "hub4j-wiremock"),
        *_lines(folder / "otel-cicd-action" / "exchanges.jsonl"),
        *_files(folder / "octokit-openapi", "**/*.json"),
        *_files(folder / "webhooks", "*.json"),
    ]
    return sorted(found, key=lambda exchange: (exchange.folder, exchange.name))


def rec_bodies(path: Path) -> list[bytes]:
    """The bodies in a `.rec` file of otel-cicd-action: method, path, URL, status and base64, a line each."""
    lines = path.read_text().split("\n")
    return [base64.b64decode(lines[start + 4]) for start in range(0, len(lines) - 4, 5)]


def _wiremock(folder: Path) -> Iterator[Exchange]:
    for path in folder.glob("*/mappings/*.json"):
        mapping = json.loads(path.read_text())
        asked, said = mapping["request"], mapping["response"]
        file = said.get("bodyFileName")
        body = (path.parents[1] / "__files" / file).read_bytes() if file else said.get("body", "").encode()
        headers = {
            name: ", ".join(text) if isinstance(text, list) else text
            for name, text in said.get("headers", {}).items()
            if name.lower() not in _CONNECTION_HEADERS
        }
        name = f"{path.parents[1].name}/{path.stem}"
        yield Exchange(folder.name, name, asked["method"], asked["url"], said["status"], headers, body)


def _lines(path: Path) -> Iterator[Exchange]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        row = json.loads(line)
        target = row["url"].removeprefix("https://api.github.com")
        body = json.dumps(row["body"]).encode()
        headers = {"Content-Type": "application/json", **row.get("headers", {})}
        yield Exchange(path.parent.name, f"{number:02}", row["method"], target, row["status"], headers, body)


def _raw_rows(path: Path) -> Iterator[Exchange]:
    """The rows of DevLake's raw tables: what a list held, one by one, and the address it was asked at."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        row = json.loads(line)
        url = row["_meta"]["url"]
        body, headers = json.dumps(row["data"]).encode(), {"Content-Type": "application/json"}
        target = urlsplit(url).path or "/"
        yield Exchange(path.parent.name, f"{path.stem}/{number:03}", "GET", target, 200, headers, body, url)


def _files(folder: Path, pattern: str) -> Iterator[Exchange]:
    for path in folder.glob(pattern):
        headers = {"Content-Type": "text/plain" if path.suffix == ".txt" else "application/json"}
        yield Exchange(folder.name, path.stem, "GET", f"/{path.name}", 200, headers, path.read_bytes())
