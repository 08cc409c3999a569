"""The API's description matches its routes, and the page made from it loads nothing from elsewhere."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.dashboard import AT_THE_TOP, VIEWS
from shared.config.settings import Config
from shared.database import make_engine
from tests.api.serving import serve

NOWHERE = make_engine("postgresql://nobody@127.0.0.1:1/nothing", application="test")
OF_THE_DASHBOARD = {*VIEWS, *(f"/{name}" for name in AT_THE_TOP), "/app/<path:name>"}
UNDESCRIBED = {*OF_THE_DASHBOARD, "/api/docs", "/api/openapi.json", "/static/<path:filename>"}


@pytest.fixture(scope="module")
def app() -> Flask:
    return create_app(Config(), NOWHERE)


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def spec(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/openapi.json").get_json()
    return found


def operations(spec: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    methods = {"get", "post", "put", "patch", "delete"}
    return [
        (path, method, operation)
        for path, item in spec["paths"].items()
        for method, operation in item.items()
        if method in methods
    ]


def test_every_route_is_described_and_every_description_is_a_route(app: Flask, spec: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule not in UNDESCRIBED
    }

    assert {(path, method) for path, method, _ in operations(spec)} == routes


def test_every_operation_has_a_name_of_its_own_a_summary_and_its_security(spec: dict[str, Any]) -> None:
    found = operations(spec)

    names = [operation["operationId"] for _, _, operation in found]
    assert len(names) == len(set(names))
    assert all(operation["summary"].endswith(".") for _, _, operation in found)
    open_to_all = {path for path, _, operation in found if operation["security"] == []}
    webhooks = {"/webhook", "/webhooks/{provider}/{instance}", "/webhooks/jenkins/{instance}/{secret}"}
    assert open_to_all == {"/livez", "/readyz", "/api/session", "/api/client-errors", *webhooks}


def test_every_parameter_says_what_it_means(spec: dict[str, Any]) -> None:
    silent = [
        (path, parameter["name"])
        for path, _, operation in operations(spec)
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query" and not parameter.get("description")
    ]

    assert silent == []
    assert spec["openapi"] == "3.1.0"


def test_errors_are_described_as_problems(spec: dict[str, Any]) -> None:
    for _, _, operation in operations(spec):
        reference = operation["responses"]["default"]["$ref"].rpartition("/")[2]
        assert list(spec["components"]["responses"][reference]["content"]) == ["application/problem+json"]


def test_every_reference_leads_somewhere(spec: dict[str, Any]) -> None:
    references = set(re.findall(r"'\$ref': '#/components/(\w+)/(\w+)'", str(spec)))

    assert references
    assert all(name in spec["components"][kind] for kind, name in references)


class Page(HTMLParser):
    """What a page loads, links to, names, and runs."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.anchors: list[str] = []
        self.ids: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        self.inline += [tag] if tag in {"script", "style"} and "src" not in given else []
        if tag in {"link", "script", "img", "iframe"}:
            self.loads.append(given.get("href") or given.get("src", ""))
        if tag == "a" and given["href"].startswith("#"):
            self.anchors.append(given["href"][1:])
        if "id" in given:
            self.ids.append(given["id"])


@pytest.fixture(scope="module")
def page(client: FlaskClient) -> Page:
    parsed = Page()
    parsed.feed(client.get("/api/docs").text)
    return parsed


def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(page: Page, client: FlaskClient) -> None:
    assert page.loads == ["/static/mark.svg", "/static/docs.css"]
    assert page.inline == []
    with client.get("/static/docs.css") as style:
        assert not re.findall(r"url\(|@import|https?:", style.get_data(as_text=True))


def test_the_page_shows_every_operation_and_every_link_in_it_leads_somewhere(page: Page, spec: dict[str, Any]) -> None:
    assert {operation["operationId"] for _, _, operation in operations(spec)} <= set(page.ids)
    assert set(page.anchors) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_the_dashboard_is_written_against_the_api_as_it_is(spec: dict[str, Any]) -> None:
    kept = (Path(__file__).parents[2] / "dashboard" / "openapi.json").read_text()

    assert json.loads(kept) == spec, "make dashboard-types"


def test_text_from_the_configuration_cannot_become_markup() -> None:
    client = serve(NOWHERE, base_url="http://localhost/<script>")

    assert "<script>" not in client.get("/api/docs").text


def test_the_guide_tells_of_every_route(spec: dict[str, Any]) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "api.md").read_text()

    assert [path for path in spec["paths"] if path not in guide] == []


@pytest.mark.parametrize(
    ("page", "path"),
    [
        ("api.md", "/api/builds"),
        ("incidents.md", "/api/incidents"),
        ("open-formats.md", "/cc.xml"),
        ("open-formats.md", "/badge/pipeline/{pipeline_id}.svg"),
    ],
)
def test_a_guide_names_every_parameter_of_its_list(spec: dict[str, Any], page: str, path: str) -> None:
    guide = (Path(__file__).parents[2] / "docs" / page).read_text()

    names = {parameter["name"] for parameter in spec["paths"][path]["get"]["parameters"]}
    assert [name for name in sorted(names) if f"`{name}`" not in guide] == []


def test_the_guide_names_every_field_of_an_incident(spec: dict[str, Any]) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "incidents.md").read_text()

    fields = {
        name for shape in ("Incident", "OneIncident") for name in spec["components"]["schemas"][shape]["properties"]
    }
    told_elsewhere = {"as_of", "stale_sources"}
    assert [name for name in sorted(fields - told_elsewhere) if f"`{name}`" not in guide] == []
