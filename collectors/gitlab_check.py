"""Trying a GitLab source: whether the token may read it, whether it has CI, and what to do about it, in words."""

from collections.abc import Callable, Mapping

from collectors.base import Check
from collectors.fields import Fields
from shared.errors import CredentialRefused, NotFound, ProviderError, Unauthorized
from shared.http.client import Answer

_OFF = "disabled"


def check(scope: str, get: Callable[..., Answer], *, has_token: bool) -> Check:
    """Try a project; `get` asks below it. Raises nothing of `ProviderError`."""
    try:
        project = get("")
        if not has_ci(project.payload):
            return Check(is_ok=False, words=(f"{scope} has CI/CD switched off; switch it on or do not watch it",))
        pipelines = get("/pipelines", {"per_page": 1}, shape=list)
    except ProviderError as error:
        return Check(is_ok=False, words=(refused(error, scope, has_token=has_token), str(error)))
    return Check(is_ok=True, words=(*_about(scope, project, pipelines), _about_token(project, has_token=has_token)))


def refused(error: ProviderError, scope: str, *, has_token: bool) -> str:
    """What a refusal means on GitLab, and the cure."""
    said = str(error)
    if "insufficient_scope" in said:
        return "the token lacks the scope read_api; make one that has it"
    if isinstance(error, CredentialRefused):
        what = "has expired or was revoked" if "invalid_token" in said else "is refused"
        return f"the token {what}; make a new one with read_api"
    if isinstance(error, NotFound):
        unseen = "the token's owner is no member of it" if has_token else "it is private, and no token is configured"
        return f"{scope} is not there, or {unseen}"
    if isinstance(error, Unauthorized):
        return f"the token may not read the pipelines of {scope}; its owner needs to be a Reporter there, at least"
    return f"{scope} could not be read"


def has_ci(project: object) -> bool:
    """Whether a project has CI/CD switched on; a server that does not tell has."""
    row = Fields(project)
    is_off = isinstance(project, Mapping) and project.get("jobs_enabled") is False
    return not is_off and row.text("builds_access_level") != _OFF


def _about(scope: str, project: Answer, pipelines: Answer) -> tuple[str, ...]:
    row = Fields(project.payload)
    name, branch = row.text("path_with_namespace") or scope, row.text("default_branch") or "unknown"
    words = [f"{name} is {row.text('visibility') or 'there'}, its default branch is {branch}"]
    if name != scope:
        words.append(f"{scope} is called {name} now; watch it under that name, to save a request each time")
    words.append("its pipelines can be read" if pipelines.payload else "its pipelines can be read; it has none yet")
    return tuple(words)


def _about_token(answer: Answer, *, has_token: bool) -> str:
    budget = answer.budget
    left = "" if budget is None else f"; {budget.remaining} of {budget.limit} requests a minute left"
    if not has_token:
        return f"no token is used, so only public projects can be read{left}"
    return f"the token is accepted{left}"
