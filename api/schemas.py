"""What may be asked: the parameters and bodies of every route, and the filters they mean."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validates_schema

from api.fields import Count, Identifier, Instant, OneOf, RowCount, Several, Words, ZoneName
from api.file_format import FileFormat, accepted_format
from shared.keys import Scope as KeyScope
from shared.metrics import Bucket, Grouping
from shared.queries import CANCEL_REASONS, BuildFilter
from shared.scope import Scope
from shared.status import Status
from shared.words import words_of

PAGE_ROWS = 50
MOST_PAGE_ROWS = 200


def known_names(schema: Schema) -> list[str]:
    """What a caller may send, by the names on the wire."""
    return sorted(field.data_key or name for name, field in schema.fields.items() if not field.dump_only)


class Refusing(Schema):
    """A schema for what comes in: an unknown name is answered with the names there are."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        names = known_names(self)
        accepted = f"accepted are {', '.join(names)}" if names else "no parameter is accepted here"
        self.error_messages = {**self.error_messages, "unknown": f"is not known here; {accepted}"}


def about(description: str) -> dict[str, str]:
    """What the documentation says of a field."""
    return {"description": description}


def _several(inner: fields.Field[Any], description: str) -> Several:
    return Several(inner, metadata=about(f"{description}; several by comma"))


def _whether(description: str) -> OneOf:
    return OneOf(["true", "false"], metadata=about(f"whether {description}"))


def _has_word(given: str) -> None:
    if not words_of([given]):
        raise ValidationError("must have a letter or a digit: builds are found by words")


def instant_parameter(description: str) -> Instant:
    """An instant in the query, as the documentation shows it."""
    return Instant(metadata={**about(description), "type": "string", "format": "date-time"})


class NoQuery(Refusing):
    """No parameters."""


class ScopeQuery(Refusing):
    """Filters over pipelines."""

    provider = _several(Words(), "kind of CI system: github, gitlab, jenkins, push")
    instance = _several(Words(), "configured name of an installation")
    project = _several(Words(), "key of a project")
    repository = _several(Words(), "full name of a repository")
    repo = _several(Words(), "the same as repository")

    @validates_schema
    def _repository_once(self, data: dict[str, Any], **_: object) -> None:
        if "repo" in data and "repository" in data:
            raise ValidationError("is the same as repository; give one of them", "repo")


class FileQuery(Refusing):
    """In which form a list is wanted."""

    format = OneOf(
        [str(form) for form in FileFormat],
        metadata=about("json: a page; csv, jsonl: all of it as a file. What Accept asks for unless said"),
    )

    @post_load
    def settle(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """Fill in the form that `Accept` asks for."""
        return {"format": str(accepted_format())} | data


class LimitQuery(FileQuery):
    """How much of a list."""

    limit = RowCount(
        MOST_PAGE_ROWS,
        metadata=about(
            f"how many at most: of a page {PAGE_ROWS} unless said and never more than {MOST_PAGE_ROWS}; "
            "of a file all unless said"
        ),
    )

    @post_load
    def settle(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """Fill in how many of a page; a file is as long as it is."""
        data = super().settle(data)
        return {"limit": PAGE_ROWS} | data if data["format"] == FileFormat.JSON else data


class PageQuery(LimitQuery):
    """How much of a list, and from where."""

    cursor = Words(metadata=about("next_cursor of the page before, as it stands"))


class ScopedPageQuery(ScopeQuery, PageQuery):
    """A page of a list narrowed to some pipelines."""


class WindowQuery(Refusing):
    """A span of time."""

    since = instant_parameter("from this instant on (included)")
    until = instant_parameter("before this instant")

    @validates_schema
    def _in_order(self, data: dict[str, Any], **_: object) -> None:
        if "since" in data and "until" in data and data["since"] >= data["until"]:
            raise ValidationError("must be later than since", "until")


class BuildsQuery(ScopedPageQuery, WindowQuery):
    """A page of builds, narrowed."""

    pipeline_id = _several(Identifier(), "id of a pipeline")
    branch = _several(Words(), "name of a branch")
    status = _several(OneOf([str(status) for status in Status]), "status of the build")
    author = _several(Words(), "who caused the build")
    event = _several(Words(), "what caused the build, in the provider's word")
    commit_sha = _several(Words(), "whole hash of the commit")
    cancel_reason = _several(OneOf(list(CANCEL_REASONS)), "why the build was cancelled")
    first_status = _several(OneOf([str(status) for status in Status]), "status of the first attempt")
    is_flaky = _whether("it passed right after a failure of the same commit")
    is_active = _whether("it is open now and to be believed: neither finished nor stale")
    is_stale = _whether("it is open and not to be believed: see its stale_since")
    has_duration = _whether("its duration is known")
    has_wait = _whether("it is known how long it waited for a runner")
    q = Words(
        validate=_has_word,
        metadata=about(
            "words in pipeline name, repository, branch, commit, author and message: each must occur, "
            "each may be the beginning of a longer one; in any case"
        ),
    )


class BucketQuery(WindowQuery):
    """A span of time that may be cut into buckets."""

    bucket = OneOf(
        [str(bucket) for bucket in Bucket],
        metadata=about("cut the window into these, by the zone's clock and calendar; a week begins on Monday"),
    )
    timezone = ZoneName(load_default="UTC", metadata=about("zone of the buckets, such as Europe/Berlin"))


class FiguresQuery(ScopeQuery, BucketQuery):
    """What figures are computed over; the last 24 hours unless said otherwise."""

    pipeline_id = _several(Identifier(), "id of a pipeline")
    branch = _several(Words(), "name of a branch")


class GroupsQuery(FiguresQuery, LimitQuery):
    """Figures by group; the busiest groups first."""

    by = OneOf([str(grouping) for grouping in Grouping], load_default="repository", metadata=about("what to group by"))


class PipelineFiguresQuery(BucketQuery):
    """Figures of one pipeline."""

    branch = _several(Words(), "name of a branch")


class RankingQuery(ScopeQuery, WindowQuery, LimitQuery):
    """A ranking of pipelines; over the last 24 hours unless said otherwise."""

    pipeline_id = _several(Identifier(), "id of a pipeline")
    branch = _several(Words(), "name of a branch")


class AnalyticsQuery(BucketQuery):
    """Figures of one project."""

    provider = _several(Words(), "kind of CI system: github, gitlab, jenkins, push")
    instance = _several(Words(), "configured name of an installation")
    repository = _several(Words(), "full name of a repository")
    pipeline_id = _several(Identifier(), "id of a pipeline")
    branch = _several(Words(), "name of a branch")


class DurationsQuery(Refusing):
    """Of which pipelines."""

    pipeline_id = Several(
        Identifier(),
        required=True,
        most=MOST_PAGE_ROWS,
        metadata=about(f"ids of pipelines, {MOST_PAGE_ROWS} at most, by comma"),
    )


class JobsQuery(PageQuery):
    """A page of a build's jobs."""

    attempt = Count(1, 2**31 - 1, metadata=about("only the jobs of this attempt"))


class WaitQuery(Refusing):
    """How long an answer may take."""

    wait = Count(0, 8, load_default=8, metadata=about("seconds to wait for a log that has to be fetched first"))


class LogQuery(WaitQuery):
    """Which part of what a build printed."""

    attempt = Count(1, 2**31 - 1, metadata=about("of this attempt; the latest unless said"))
    job = Identifier(metadata=about("only what this job printed: an id of `/api/builds/{build_id}/jobs`"))


class ProviderLogQuery(WaitQuery):
    """Which part of what a build printed, in the provider's words."""

    instance = Words(metadata=about("configured name of the installation, where several use the same id"))
    attempt = Count(1, 2**31 - 1, metadata=about("of this attempt; the latest unless said"))
    job = Words(metadata=about("only what this job printed, by the id the provider gave it"))


class TriggerBody(Refusing):
    """What to poll now; everything given must fit. Nothing given means every source."""

    provider = Words(metadata=about("every source of this kind of CI system"))
    source_id = Identifier(metadata=about("this source"))
    pipeline_id = Identifier(metadata=about("the source of this pipeline"))
    build_id = Identifier(metadata=about("the source of this build's pipeline"))


class KeyBody(Refusing):
    """A key to trade for a session."""

    key = Words(required=True, load_only=True, metadata=about("a key made with observatory key create"))
    scope = OneOf(
        [str(scope) for scope in KeyScope],
        load_default=None,
        metadata=about("what the session is wanted for: a key that does not allow it opens none"),
    )


def scope_of(query: dict[str, Any]) -> Scope:
    """The scope that loaded parameters name."""
    return Scope(
        provider=tuple(query.get("provider", ())),
        instance=tuple(query.get("instance", ())),
        project=tuple(query.get("project", ())),
        repository=tuple(query.get("repository", query.get("repo", ()))),
        pipeline_id=tuple(query.get("pipeline_id", ())),
    )


_WHETHER = ("is_flaky", "is_active", "is_stale", "has_duration", "has_wait")


def filter_of(query: dict[str, Any]) -> BuildFilter:
    """The filter over builds that loaded parameters name."""
    return BuildFilter(
        scope=scope_of(query),
        branch=tuple(query.get("branch", ())),
        status=tuple(Status(word) for word in query.get("status", ())),
        author=tuple(query.get("author", ())),
        event=tuple(query.get("event", ())),
        commit_sha=tuple(query.get("commit_sha", ())),
        cancel_reason=tuple(query.get("cancel_reason", ())),
        first_status=tuple(Status(word) for word in query.get("first_status", ())),
        **{name: query[name] == "true" for name in _WHETHER if name in query},
        text=query.get("q"),
        since=query.get("since"),
        until=query.get("until"),
    )
