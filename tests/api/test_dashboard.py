"""The dashboard's page and files as browsers get them, and the page in their place where they are not built."""

import gzip
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from api.app import create_app
from shared.config.settings import Config
from shared.database import make_engine
from tests.api.stand import running_api

NOWHERE = make_engine("postgresql://nobody@127.0.0.1:1/nothing", application="test")
SCRIPT = b"export const words = 'build observatory';\n" * 100
BUNDLE = {
    ".built-from": b"0123",
    "index.html": b"<!doctype html><title>Build Observatory</title>",
    "sw.js": b"self.addEventListener('fetch', () => undefined);",
    "manifest.webmanifest": b'{"name": "Build Observatory"}',
    "mark.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "assets/main-4f2a.js": SCRIPT,
    "assets/text-77aa.woff2": b"wOF2" * 100,
    "views.json": b'{"triage": ["assets/triage-1.js", "assets/triage-2.css"]}',
}
ADDRESSES = [
    "/",
    "/waterfall",
    "/triage",
    "/me",
    "/builds/42",
    "/pipelines",
    "/pipelines/7",
    "/sources",
    "/incidents",
    "/incidents/3",
    "/alerts",
    "/pipelines?provider=github&q=a%20b",
]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    for name, content in BUNDLE.items():
        file = tmp_path / "app" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path / "app"


@pytest.fixture
def client(bundle: Path) -> FlaskClient:
    return create_app(Config(), NOWHERE, bundle=bundle).test_client()


@pytest.fixture
def unbuilt(tmp_path: Path) -> FlaskClient:
    return create_app(Config(), NOWHERE, bundle=tmp_path / "nothing").test_client()


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_view_has_an_address_that_can_be_opened_and_sent_on(client: FlaskClient, address: str) -> None:
    answer = client.get(address)

    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    assert answer.data == BUNDLE["index.html"]


def test_what_a_view_needs_is_named_with_the_page(client: FlaskClient) -> None:
    answer = client.get("/triage")
    again = client.get("/triage", headers={"If-None-Match": answer.headers["ETag"]})

    script = "</app/assets/triage-1.js>; rel=modulepreload; crossorigin"
    style = "</app/assets/triage-2.css>; rel=preload; as=style; crossorigin"
    assert answer.headers["Link"] == again.headers["Link"] == f"{script}, {style}"
    assert "Link" not in client.get("/alerts").headers
    assert client.get("/app/views.json").status_code == 404


@pytest.mark.parametrize("address", ["/builds/latest", "/nowhere", "/waterfall/x"])
def test_an_address_of_no_view_is_not_found(client: FlaskClient, address: str) -> None:
    answer = client.get(address)

    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("address", ["/nope", "/builds/abc"])
def test_a_person_who_follows_a_wrong_address_sees_the_page(client: FlaskClient, address: str) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}

    lost = client.get(address, headers=browser)
    assert (lost.status_code, lost.mimetype) == (404, "text/html")
    assert lost.data == client.get("/").data
    assert "no-store" in lost.headers["Cache-Control"]
    assert client.get("/api/nope", headers=browser).mimetype == "application/problem+json"
    assert client.get("/app/nope.js", headers=browser).mimetype == "application/problem+json"


def test_the_page_is_asked_for_each_time_and_sent_when_it_changed(client: FlaskClient) -> None:
    first = client.get("/")
    again = client.get("/waterfall", headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "no-cache"
    assert (again.status_code, again.data) == (304, b"")


def test_a_file_named_by_its_content_is_kept_for_ever_and_others_are_not(client: FlaskClient) -> None:
    assert client.get("/app/assets/main-4f2a.js").headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert client.get("/app/mark.svg").headers["Cache-Control"] == "no-cache"


def test_who_logs_in_keeps_the_files_already_fetched(client: FlaskClient) -> None:
    assert client.get("/app/assets/main-4f2a.js").headers["Vary"] == "Accept-Encoding"


def test_text_travels_packed_to_who_can_unpack_it(client: FlaskClient) -> None:
    packed = client.get("/app/assets/main-4f2a.js", headers={"Accept-Encoding": "gzip, br"})
    plain = client.get("/app/assets/main-4f2a.js", headers={"Accept-Encoding": "identity"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(SCRIPT) / 10
    assert gzip.decompress(packed.data) == plain.data == SCRIPT
    assert packed.content_type == plain.content_type == "text/javascript; charset=utf-8"


def test_a_font_is_not_packed_twice(client: FlaskClient) -> None:
    answer = client.get("/app/assets/text-77aa.woff2", headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in answer.headers
    assert (answer.data, answer.content_type) == (BUNDLE["assets/text-77aa.woff2"], "font/woff2")


def test_the_service_worker_comes_from_the_top_and_may_look_after_everything(client: FlaskClient) -> None:
    worker = client.get("/sw.js")
    manifest = client.get("/manifest.webmanifest")

    assert (worker.data, worker.content_type) == (BUNDLE["sw.js"], "text/javascript; charset=utf-8")
    assert worker.headers["Cache-Control"] == "no-cache"
    assert (manifest.get_json(force=True), manifest.content_type) == (
        {"name": "Build Observatory"},
        "application/manifest+json",
    )
    assert "worker-src 'self'" in worker.headers["Content-Security-Policy"]
    assert "manifest-src 'self'" in worker.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/app/../secret.js",
        "/app/%2e%2e/secret.js",
        "/app/..%2fsecret.js",
        "/app/assets/../../secret.js",
        "/app/etc/passwd",
        "/app/.built-from",
        "/app/assets",
        "/app/",
        "/app/nothing.js",
    ],
)
def test_nothing_is_served_but_the_files_of_the_bundle(bundle: Path, path: str) -> None:
    (bundle.parent / "secret.js").write_text("hunter2")
    client = create_app(Config(), NOWHERE, bundle=bundle).test_client()

    answer = client.get(path)

    assert answer.status_code == 404
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("address", ["/", "/waterfall", "/builds/42"])
def test_where_it_is_not_built_a_page_says_why_and_what_to_do(unbuilt: FlaskClient, address: str) -> None:
    answer = unbuilt.get(address)

    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert "The dashboard is not built" in answer.text
    assert "make dashboard" in answer.text
    assert 'href="/api/docs"' in answer.text


def test_that_page_loads_only_what_is_there_and_runs_nothing(unbuilt: FlaskClient) -> None:
    page = unbuilt.get("/").text

    loaded = re.findall(r'<link rel="\w+" href="([^"]+)"', page)
    assert loaded == ["/static/mark.svg", "/static/docs.css"]
    for path in loaded:
        with unbuilt.get(path) as file:
            assert file.status_code == 200
    assert "<script" not in page
    assert "style=" not in page


def test_what_is_not_built_is_not_found(unbuilt: FlaskClient) -> None:
    assert [unbuilt.get(path).status_code for path in ("/sw.js", "/app/index.html")] == [404, 404]


def test_a_real_server_shows_a_page_to_a_browser_that_has_no_key(database: Engine) -> None:
    url = database.url.render_as_string(hide_password=False)
    with running_api(url) as api:
        status, body = api.get("/pipelines", Accept="text/html", **{"Sec-Fetch-Site": "none"})

    assert status == 200
    assert b"<title>Build Observatory</title>" in body
