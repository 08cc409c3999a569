"""Logs as events: one road for structlog and the standard library, clean of secrets and of control characters."""

import logging
import os
import sys
import threading
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.log.cleaning import clean_fields, escape_fields, to_json
from shared.log.redaction import register_secret

__all__ = ["configure", "register_secret"]

Format = Literal["auto", "console", "json"]

QUIET = (
    "httpx",
    "httpcore",
    "urllib3",
    "slack_sdk",
    "sqlalchemy.engine",
    "sqlalchemy.pool",
    "apscheduler",
    "asyncio",
    "alembic",
)
"""Loggers whose INFO and DEBUG print URLs, statement parameters or a line a tick: only their warnings are ours."""


ON_TERMINAL = "OBSERVATORY_ON_TERMINAL"
"""Set to 1 by the supervisor of `observatory up`, which puts each part's name before its lines."""


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to a stream and never raises: a closed terminal must not stop a process that collects builds."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the standard library's name)
        _, error, _ = sys.exc_info()
        with suppress(Exception):
            line = to_json({"event": "log message lost", "logger": record.name, "error": type(error).__name__})
            self.stream.write(f"{line}\n")


def configure(level: str, format: Format, process: str, stream: TextIO | None = None) -> None:  # noqa: A002 (the setting's name)
    """Send everything this process logs to `stream` (stderr), as lines for people on a terminal and as JSON elsewhere.

    `process` names this process in every line. Calling it again replaces what was configured before.
    """
    target = stream if stream is not None else sys.stderr
    handler = _Handler(target)
    handler.setFormatter(_formatter(_is_for_people(format, target), process))
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # It warns at every tick of a job that still runs, twice a second while a receiver hangs; a job that fails is told.
    logging.getLogger("apscheduler").setLevel(max(logging.ERROR, root.level))
    logging.captureWarnings(capture=True)
    _configure_structlog()
    sys.excepthook = _log_crash
    threading.excepthook = _log_thread_crash


def _configure_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            *_always(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # A cached logger would keep the configuration of its first line for ever.
        cache_logger_on_first_use=False,
    )


def _always() -> list[Processor]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(is_for_people: bool, process: str) -> structlog.stdlib.ProcessorFormatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_always()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _name_process(process),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            clean_fields,
            *(_for_people() if is_for_people else [_as_json]),
        ],
    )


def _name_process(process: str) -> Processor:
    def add_process(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
        fields.setdefault("process", process)
        return fields

    return add_process


def _for_people() -> list[Processor]:
    stands_behind_name = os.environ.get(ON_TERMINAL) == "1"
    renderer = structlog.dev.ConsoleRenderer(
        colors=not os.environ.get("NO_COLOR"),
        pad_event_to=0,
        exception_formatter=structlog.dev.plain_traceback,
    )
    return [escape_fields, _shorten(is_process_told=stands_behind_name), renderer]


def _shorten(*, is_process_told: bool) -> Processor:
    """For a person who watches: the time of their own clock, and no process where the supervisor has put its name."""

    def shorten(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
        fields["timestamp"] = datetime.fromisoformat(fields["timestamp"]).astimezone().strftime("%H:%M:%S")
        if is_process_told:
            fields.pop("process", None)
        return fields

    return shorten


def _as_json(_logger: WrappedLogger, _method: str, fields: EventDict) -> str:
    first = {key: fields.pop(key) for key in ("timestamp", "level", "event") if key in fields}
    return to_json(first | dict(fields))


def _is_for_people(wanted: Format, stream: TextIO | None) -> bool:
    if wanted != "auto":
        return wanted == "console"
    with suppress(ValueError):  # a closed stream is no terminal
        # The supervisor of `observatory up` stands between its parts and the terminal, and says that there is one.
        return os.environ.get(ON_TERMINAL) == "1" or (stream is not None and stream.isatty())
    return False


def _log_crash(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """What would end as a bare traceback on stderr goes through redaction like every other line."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    structlog.get_logger("crash").critical("crashed", exc_info=(kind, error, traceback))


def _log_thread_crash(crash: threading.ExceptHookArgs) -> None:
    if crash.exc_value is not None and not issubclass(crash.exc_type, SystemExit):
        name = crash.thread.name if crash.thread else "unknown"
        trace = (crash.exc_type, crash.exc_value, crash.exc_traceback)
        structlog.get_logger("crash").critical("thread crashed", thread=name, exc_info=trace)
