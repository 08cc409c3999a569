"""The dashboard: one page at the address of every view, and its files; where it is not built, a page that says why."""

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

import orjson
from flask import Flask, Response, abort, render_template, request
from werkzeug.exceptions import NotFound

from api.auth import needs
from api.principal import Permission
from api.problems import problem_response

BUNDLE = Path(__file__).parent / "static" / "app"
"""Where the build puts it (`hatch_build.py`)."""

VIEWS = {
    "/": "overview",
    "/waterfall": "waterfall",
    "/triage": "triage",
    "/me": "me",
    "/builds/<id:build_id>": "build",
    "/pipelines": "pipelines",
    "/pipelines/<id:pipeline_id>": "pipeline",
    "/sources": "sources",
    "/incidents": "alerts",
    "/incidents/<id:incident_id>": "incident",
    "/alerts": "alerts",
}
"""Addresses of the page, and which of its views each one shows."""

_FILES_OF_VIEWS = "views.json"
"""What the build says each view needs beside the page."""

# A service worker may look after the folder it comes from and what is below, so this one comes from the top.
AT_THE_TOP = ("sw.js", "manifest.webmanifest")

# Said here, because what Python's own table says depends on the machine.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}

_FOR_EVER = "public, max-age=31536000, immutable"


# What is packed already.
_DENSE = frozenset({"font/woff2", "image/png", "image/x-icon"})


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is served; `for_ever`: its name changes with what is in it."""

    body: bytes
    content_type: str
    for_ever: bool = False

    def answer(self) -> Response:
        """The file, or 304 for who has it."""
        digest = _digest(self.body)
        headers = {"ETag": f'W/"{digest}"', "Vary": "Accept-Encoding"}
        headers["Cache-Control"] = _FOR_EVER if self.for_ever else "no-cache"
        if request.if_none_match.contains_weak(digest):
            return Response(status=304, headers=headers)
        if self.content_type in _DENSE or not request.accept_encodings.quality("gzip"):
            return Response(self.body, headers=headers, content_type=self.content_type)
        headers["Content-Encoding"] = "gzip"
        return Response(_packed(self.body), headers=headers, content_type=self.content_type)


def register(app: Flask, bundle: Path) -> None:
    """Serve what was built into this folder. It is read once, so that no request can ask for anything beside it."""
    files = dict(_files(bundle))
    page = files.get("index.html")
    links = _links(files.pop(_FILES_OF_VIEWS, None))

    @needs(Permission.PUBLIC)
    def dashboard(**_: int) -> Response:
        shown = page or File(render_template("no_dashboard.html").encode(), _TYPES[".html"])
        answer = shown.answer()
        # What the view needs is fetched together with the page's own script, which would ask for it only once it runs.
        if page is not None and request.url_rule is not None and (link := links.get(VIEWS[request.url_rule.rule])):
            answer.headers["Link"] = link
        return answer

    @needs(Permission.PUBLIC)
    def dashboard_file(name: str) -> Response:
        return _found(files, name).answer()

    def lost(error: NotFound) -> Response:
        """A person who follows a wrong address sees the page, which says so; a program reads a problem."""
        if page is None or request.endpoint is not None or not _is_opened_by_a_person():
            return problem_response(error)
        return Response(page.body, 404, {"Cache-Control": "no-store"}, content_type=page.content_type)

    app.register_error_handler(NotFound, lost)
    for address in VIEWS:
        app.add_url_rule(address, "dashboard", dashboard)
    for name in AT_THE_TOP:
        app.add_url_rule(f"/{name}", "dashboard_file", dashboard_file, defaults={"name": name})
    app.add_url_rule("/app/<path:name>", "dashboard_file", dashboard_file)


def _is_opened_by_a_person() -> bool:
    """Whether a browser asks for a page: programs take anything, or name what they read."""
    return request.accept_mimetypes.best == "text/html" and not request.path.startswith("/api/")


def _links(file: File | None) -> dict[str, str]:
    """By view, the header that names its scripts and styles; none where the build says nothing."""
    found: dict[str, list[str]] = {} if file is None else orjson.loads(file.body)
    return {view: ", ".join(map(_link, names)) for view, names in found.items()}


def _link(name: str) -> str:
    kind = "preload; as=style" if name.endswith(".css") else "modulepreload"
    return f"</app/{name}>; rel={kind}; crossorigin"


@cache
def _digest(body: bytes) -> str:
    return blake2b(body, digest_size=12).hexdigest()


# Once for a process and as small as it gets: for each request anew it would be large, or keep all others waiting.
@cache
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)


def _found(files: Mapping[str, File], name: str) -> File:
    return files[name] if name in files else abort(404)


def _files(bundle: Path) -> Iterator[tuple[str, File]]:
    for path in bundle.rglob("*"):
        if path.is_file() and path.suffix in _TYPES:
            name = path.relative_to(bundle).as_posix()
            yield name, File(path.read_bytes(), _TYPES[path.suffix], for_ever=name.startswith("assets/"))
