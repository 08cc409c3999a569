"""`python -m benchmarks.constant`: the project's server class around a Flask application that says one thing."""

# The server module is first: it patches what the others import.
from api import server

import os  # isort: skip
import sys  # isort: skip

from flask import Flask, Response  # isort: skip

from shared.config.settings import load  # isort: skip


class _NoHub:
    """What the worker says goodbye to; here nobody listens."""

    def drain(self) -> None:
        return


class _Application(server.Application):
    def load(self) -> Flask:
        body = os.environ["CONSTANT_BODY"].encode()
        app = Flask("constant")
        self.hub = _NoHub()  # type: ignore[assignment]

        @app.route("/<path:_>")
        def say(_: str) -> Response:
            return Response(body, content_type="application/json")

        return app


if __name__ == "__main__":
    server.Application = _Application  # type: ignore[misc]
    sys.exit(server.run(load(None)))
