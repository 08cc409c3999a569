"""Every view by its name, and its address in a filled world."""

from sqlalchemy import Engine

from tests.dashboard.world import find

_BUILD = """
    SELECT b.id FROM builds b JOIN log_requests l ON l.build_id = b.id ORDER BY b.id DESC LIMIT 1
"""
_PIPELINE = "SELECT id FROM pipelines WHERE name = 'e2e'"
_INCIDENT = """
    SELECT i.id FROM incidents i JOIN pipelines p ON p.id = i.pipeline_id
    WHERE p.name = 'e2e' AND i.branch = 'main' AND i.fixed_at IS NULL
"""

NAMES = (
    "overview", "waterfall", "triage", "me", "pipelines", "sources", "alerts", "build", "pipeline", "incident",
)  # fmt: skip


def address_of(view: str, engine: Engine) -> str:
    """The waterfall of one repository, the build with a log, the incident that the end-to-end tests have."""
    match view:
        case "overview":
            return "/"
        case "waterfall":
            return "/waterfall?repository=acme%2Fstorefront"
        case "build":
            return f"/builds/{find(engine, _BUILD)}"
        case "incident":
            return f"/incidents/{find(engine, _INCIDENT)}"
        case "pipeline":
            return f"/pipelines/{find(engine, _PIPELINE)}"
        case _:
            return f"/{view}"
