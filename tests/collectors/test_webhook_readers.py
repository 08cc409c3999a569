"""What each provider's webhooks ask of us: the recorded bodies, and bodies that are none."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import github_webhook, gitlab_webhook, jenkins_webhook
from collectors.webhook import Fetch, LookSoon, Moved, Nothing, Told
from shared.branches import parents
from tests.factories import NOON
from tests.recorded import recorded

SHAS = [character * 40 for character in "abcdef"]
NONE = "0" * 40
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def github_bodies() -> list[tuple[str, dict[str, Any]]]:
    """(event, body) of every recorded webhook of GitHub; the event stands in the file's name."""
    files = sorted((recorded("github") / "webhooks").glob("*.json"))
    return [(path.stem.split("__")[1], json.loads(path.read_text())) for path in files]


def gitlab_body(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((recorded("gitlab") / "gitlab4j" / f"{name}.json").read_text())
    return body


def a_push(**overrides: Any) -> dict[str, Any]:
    """A push of two commits to acme/web's main."""
    repository = {
        "id": 1,
        "full_name": "acme/web",
        "html_url": "https://github.com/acme/web",
        "pushed_at": 1_763_640_000,
    }
    commits = [{"id": sha, "message": "Fix", "author": {"name": "Ada"}} for sha in SHAS[1:3]]
    body = {
        "ref": "refs/heads/main",
        "before": SHAS[0],
        "after": SHAS[2],
        "forced": False,
        "commits": commits,
        "repository": repository,
    }
    return body | overrides


def moved(body: dict[str, Any], event: str = "push") -> Moved:
    task = github_webhook.read(event, body, "github.com", NOON)
    assert isinstance(task, Moved), task
    return task


def test_a_run_is_believed_and_not_its_action() -> None:
    run = next(body for event, body in github_bodies() if event == "workflow_run")

    task = github_webhook.read("workflow_run", run | {"action": "requested"}, "github.com", NOON)

    assert isinstance(task, Told)
    assert (task.build.raw_status, task.build.is_finished) == ("completed/success", True)
    assert (task.subject.scopes, task.subject.external_id) == (("octo-org/octo-repo",), str(run["repository"]["id"]))


def test_a_delivery_whose_object_is_null_is_no_failure() -> None:
    body = {"action": "completed", "workflow_job": None, "repository": {"id": 1, "full_name": "acme/web"}}

    task = github_webhook.read("workflow_job", body, "github.com", NOON)

    assert task == Nothing("a workflow_job event without a workflow_job")


def test_the_recorded_webhooks_of_gitlab_name_the_pipeline_to_fetch() -> None:
    pipeline = gitlab_webhook.read("Pipeline Hook", gitlab_body("pipeline-event"), "example.com", NOON)
    job = gitlab_webhook.read("Job Hook", gitlab_body("build-event"), "example.com", NOON)
    push = gitlab_webhook.read("Push Hook", gitlab_body("push-event"), "example.com", NOON)
    deployment = gitlab_webhook.read("Deployment Hook", gitlab_body("deployment-event"), "example.com", NOON)

    assert isinstance(pipeline, Fetch)
    assert (pipeline.external_id, pipeline.subject.scopes, pipeline.is_over) == (
        "31",
        ("gitlab-org/gitlab-test",),
        True,
    )
    assert isinstance(job, Fetch)
    assert job.is_over is None
    assert isinstance(push, Moved)
    assert (push.change.name, push.change.is_complete, parents(push.change)) == ("master", False, ())
    assert isinstance(deployment, Nothing)


def test_the_recorded_webhook_of_jenkins_names_the_build_to_fetch() -> None:
    [path] = (recorded("jenkins") / "notification-plugin").glob("*.json")

    task = jenkins_webhook.read("jenkins", json.loads(path.read_text()), "localhost", NOON)

    assert isinstance(task, Fetch)
    assert (task.external_id, task.subject.scopes, task.is_over) == ("asgard/18", ("asgard", "/"), True)


def test_a_build_in_a_folder_may_belong_to_any_folder_above_it() -> None:
    body = {"url": "job/team/job/app/", "build": {"phase": "QUEUED", "queue_id": 7, "number": 3}}

    task = jenkins_webhook.read("jenkins", body, "localhost", NOON)

    assert isinstance(task, Fetch)
    assert (task.external_id, task.subject.scopes) == ("queue/7", ("team/app", "team", "/"))


def test_a_push_of_one_commit_tells_what_it_was_made_from() -> None:
    change = moved(a_push(after=SHAS[1], commits=[{"id": SHAS[1], "message": "x"}])).change

    assert (change.head_sha, change.at) == (SHAS[1], datetime(2025, 11, 20, 12, 0, tzinfo=UTC))
    assert parents(change) == ((SHAS[1], SHAS[0]),)


@pytest.mark.parametrize(
    "odd",
    [
        {"forced": True},
        {"before": NONE},
        {"after": SHAS[3]},
        {"commits": []},
        {"commits": [{"id": SHAS[1], "message": "x"}, {"id": SHAS[2], "message": "y"}]},
    ],
)
def test_a_push_that_is_forced_cut_new_or_of_several_commits_proves_no_parents(odd: dict[str, Any]) -> None:
    assert parents(moved(a_push(**odd)).change) == ()


def test_a_branch_is_deleted_by_a_push_to_nothing_or_by_a_delete() -> None:
    pushed = moved(a_push(after=NONE, commits=[]))
    deleted = moved({"ref": "side", "ref_type": "branch", "repository": a_push()["repository"]}, "delete")
    created = moved({"ref": "side", "ref_type": "branch", "repository": a_push()["repository"]}, "create")

    assert (pushed.change.is_deleted, deleted.change.is_deleted, created.change.is_deleted) == (True, True, False)
    assert deleted.change.name == "side"


def test_tags_are_not_kept() -> None:
    tag = {"ref": "v1", "ref_type": "tag", "repository": a_push()["repository"]}

    assert isinstance(github_webhook.read("push", a_push(ref="refs/tags/v1"), "github.com", NOON), Nothing)
    assert isinstance(github_webhook.read("create", tag, "github.com", NOON), Nothing)
    assert isinstance(gitlab_webhook.read("Tag Push Hook", {"object_kind": "tag_push"}, "", NOON), Nothing)


@given(JSON)
def test_no_body_breaks_a_reader(body: object) -> None:
    kinds = (Told, Fetch, LookSoon, Moved, Nothing)
    repository = {"id": 1, "full_name": "acme/web"}

    for event in ("workflow_run", "workflow_job", "push", "create"):
        assert isinstance(github_webhook.read(event, {"repository": repository, event: body}, "", NOON), kinds)
        assert isinstance(github_webhook.read(event, body, "", NOON), kinds)
    for kind in ("pipeline", "build", "push"):
        told = {"object_kind": kind, "object_attributes": body, "project": body, "commits": body}
        assert isinstance(gitlab_webhook.read("", told, "", NOON), kinds)
    assert isinstance(jenkins_webhook.read("", {"url": "job/a/", "build": body}, "", NOON), kinds)
