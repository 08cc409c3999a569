"""Our words in OpenTelemetry's: its conventions for CI/CD (opentelemetry.io/docs/specs/semconv/cicd), unfinished."""

from collections.abc import Mapping

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from shared.rows import Row
from shared.status import Status

RESULTS: Mapping[str, str] = {
    Status.SUCCEEDED: "success",
    Status.FAILED: "failure",
    Status.TIMED_OUT: "timeout",
    Status.CANCELLED: "cancellation",
    Status.SKIPPED: "skip",
}

BROKEN = (Status.FAILED, Status.TIMED_OUT)


def result_of(status: object) -> str:
    """The word for how a run or a task ended; what we do not know stays `unknown`."""
    return RESULTS.get(str(status), "unknown")


def error_type(status: object) -> str | None:
    """`failure` or `timeout` of what broke, None of all else."""
    return result_of(status) if status in BROKEN else None


def pipeline_words(run: Row) -> dict[str, object]:
    """What names a pipeline: few values, so that they may be the labels of a metric, too."""
    return {
        "cicd.pipeline.name": run["pipeline"],
        "vcs.repository.name": run["repository"],
        "vcs.repository.url.full": run["repository_url"],
        "observatory.provider": run["provider"],
        "observatory.instance": run["instance"],
        "observatory.project": run["project"],
    }


def attributes(words: Mapping[str, object]) -> list[KeyValue]:
    """The attributes; what is not known has none."""
    return [KeyValue(key=key, value=_value(value)) for key, value in words.items() if value is not None]


def _value(value: object) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case _:
            return AnyValue(string_value=str(value))
