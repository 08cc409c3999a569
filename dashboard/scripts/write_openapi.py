"""Writes down what the API says of itself, for the dashboard's types: `make dashboard-types`."""

import json
from pathlib import Path

from api.app import create_app
from shared.config.settings import Config
from shared.database import make_engine

FILE = Path(__file__).parents[1] / "openapi.json"

# The description is made from the code alone: no database is asked.
NOWHERE = make_engine("postgresql://nobody@127.0.0.1:1/nothing", application="description")

if __name__ == "__main__":
    spec = create_app(Config(), NOWHERE).test_client().get("/api/openapi.json").get_json()
    FILE.write_text(json.dumps(spec, indent=1, ensure_ascii=False) + "\n")
