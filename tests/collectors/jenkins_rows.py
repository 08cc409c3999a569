"""Rows of Jenkins' kind with defaults: what a test does not mention does not matter to it."""

from typing import Any

MILLIS = 1_763_640_000_000  # 2025-11-20T12:00:00Z


def a_run(**overrides: Any) -> dict[str, Any]:
    """Build 12 of a Pipeline, which passed after a minute."""
    return {
        "_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun",
        "actions": [],
        "building": False,
        "duration": 60_000,
        "estimatedDuration": 80_000,
        "number": 12,
        "queueId": 77,
        "result": "SUCCESS",
        "timestamp": MILLIS,
    } | overrides


def causes(*given: dict[str, Any]) -> dict[str, Any]:
    """An action with these causes."""
    return {"_class": "hudson.model.CauseAction", "causes": list(given)}


def revision(sha: str, branch: str, *remotes: str) -> dict[str, Any]:
    """What a checkout leaves among the actions."""
    return {
        "_class": "hudson.plugins.git.util.BuildData",
        "lastBuiltRevision": {"SHA1": sha, "branch": [{"name": branch}]},
        "remoteUrls": list(remotes),
    }
