"""In which form a list is wanted: a page of JSON, or all of it as a file of comma-separated values or JSON lines."""

from enum import StrEnum

from flask import has_request_context, request


class FileFormat(StrEnum):
    """What `format` may say; the page of JSON is what there is without it."""

    JSON = "json"
    CSV = "csv"
    JSONL = "jsonl"

    @property
    def content_type(self) -> str:
        """With its charset, where there is more than one."""
        return _CONTENT_TYPES[self]


_CONTENT_TYPES = {
    FileFormat.JSON: "application/json",
    FileFormat.CSV: "text/csv; charset=utf-8; header=present",
    FileFormat.JSONL: "application/jsonl",
}

# In the order we prefer where a client takes several alike; ndjson is the older name of the same.
_BY_MIMETYPE = {
    "application/json": FileFormat.JSON,
    "text/csv": FileFormat.CSV,
    "application/jsonl": FileFormat.JSONL,
    "application/x-ndjson": FileFormat.JSONL,
}


def accepted_format() -> FileFormat:
    """The form that this request's `Accept` asks for; JSON when it asks for none of ours."""
    if not has_request_context() or "Accept" not in request.headers:
        return FileFormat.JSON
    return _BY_MIMETYPE[request.accept_mimetypes.best_match(list(_BY_MIMETYPE), default="application/json")]
