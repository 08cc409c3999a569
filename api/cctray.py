"""`/cc.xml`: how every pipeline stands, in the format of CCTray that tray icons, lamps and wall screens read."""

from collections import Counter
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

from flask import Response

from api.answers import CACHE_CONTROL
from api.auth import needs
from api.documents import document
from api.fields import Identifier, Several, Words
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import Problem
from api.schemas import ScopeQuery, about, scope_of
from api.services import read, services
from shared.branch_states import branch_states
from shared.rows import Row
from shared.status import Status
from shared.xml_text import xml_text

MOST_PROJECTS = 5000
"""What one answer holds; whoever has more pipelines is asked to say which."""

NEVER = "1970-01-01T00:00:00Z"
"""The build time of what was never built: the format knows no empty one, and its readers parse what they get."""

_STATUS = {
    Status.SUCCEEDED: "Success",
    Status.FAILED: "Failure",
    Status.TIMED_OUT: "Exception",
}

blueprint = ApiBlueprint("cctray", __name__, description="For tray icons, lamps and wall screens")


class CctrayQuery(ScopeQuery):
    """Which pipelines, and on which branches."""

    pipeline_id = Several(Identifier(), metadata=about("id of a pipeline; several by comma"))
    branch = Several(
        Words(), metadata=about("name of a branch instead of each pipeline's default one; several by comma")
    )


@blueprint.route("/cc.xml")
@blueprint.route("/cctray.xml")
@needs(Permission.READ)
@blueprint.arguments(CctrayQuery, location="query")
@blueprint.response(200, content_type="application/xml", description="`Projects` as CCTray has them")
def cctray(query: dict[str, Any]) -> Response:
    """Show how pipelines stand on their default branches, for tray icons and lamps.

    A project's status is that of its newest verdict: a build that was cancelled or skipped says nothing of the code.
    """
    branches = query.get("branch", ())
    with read() as opened:
        states = branch_states(opened.session, scope_of(query), branches=branches, limit=MOST_PROJECTS + 1)
    if len(states) > MOST_PROJECTS:
        raise Problem(422, f"These are more than {MOST_PROJECTS} pipelines; name a provider, project or repository.")
    feed = cctray_feed(states, services().config.server.base_url, has_branches=bool(branches))
    return document(feed, "application/xml; charset=utf-8", CACHE_CONTROL)


def cctray_feed(states: list[Row], our_url: str, *, has_branches: bool = False) -> str:
    """The feed of these states; names carry the branch where it was asked for. Pure."""
    names = [_name(state, has_branches=has_branches) for state in states]
    # Readers know a project by its name alone: two of one name would be one flickering lamp. First the installation
    # tells them apart; two workflows of one repository may have the same name, and only our id tells those apart.
    names = _told_apart(names, [f"{state['instance']}: {name}" for state, name in zip(states, names, strict=True)])
    names = _told_apart(names, [f"{name} #{state['pipeline_id']}" for state, name in zip(states, names, strict=True)])
    root = ET.Element("Projects")
    for state, name in zip(states, names, strict=True):
        ET.SubElement(root, "Project", _attributes(state, name, our_url))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _attributes(state: Row, name: str, our_url: str) -> dict[str, str]:
    status, finished_at = state["status"], state["finished_at"]
    label = state["external_id"] if state["number"] is None else state["number"]
    known = {
        "name": name,
        "activity": "Building" if state["is_building"] else "Sleeping",
        "lastBuildStatus": "Unknown" if status is None else _STATUS[Status(str(status))],
        "lastBuildLabel": "" if label is None else str(label),
        "lastBuildTime": f"{finished_at:%Y-%m-%dT%H:%M:%SZ}" if isinstance(finished_at, datetime) else NEVER,
        "webUrl": str(state["web_url"] or state["url"] or our_url),
    }
    return {key: xml_text(value) for key, value in known.items()}


def _name(state: Row, *, has_branches: bool) -> str:
    name = " / ".join(str(part) for part in (state["repository"], state["pipeline_name"]) if part)
    return xml_text(f"{name} ({state['branch']})" if has_branches else name)


def _told_apart(names: list[str], longer: list[str]) -> list[str]:
    """The names; for each that several have its longer form."""
    taken = Counter(names)
    return [more if taken[name] > 1 else name for name, more in zip(names, longer, strict=True)]
