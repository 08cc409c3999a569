"""What both ways into Slack share: how long a message may take, what an answer's status means."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from time import monotonic
from typing import Any

import orjson
from pydantic import SecretStr

from alerts.receivers.endpoint import PASSING, retry_after
from shared.errors import RetryLater
from shared.http.post import Answer, post_json

DEADLINE_SECONDS = 8.0
"""For one message in all, every request it takes included; far inside a delivery's lease."""

UNREADABLE = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}


def post(
    url: SecretStr, payload: Mapping[str, Any], ends_at: float, headers: Mapping[str, str] | None = None
) -> Answer:
    """Post the payload, read the answer until `ends_at` of the monotonic clock; raises RetryLater like post_json."""
    return post_json(url, orjson.dumps(payload), max(0.0, ends_at - monotonic()), headers)


def check_passing(answer: Answer, said: str, key: str, now: datetime) -> None:
    """Raise RetryLater where another than Slack answered, or Slack cannot at the moment; `said` is how that is told.

    `key` is the setting to look at where it is another.
    """
    is_taken = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
    if is_taken and answer.body.lstrip().startswith("<"):
        raise RetryLater(f"{said} with a web page, so something else than Slack answered; check {key}")
    if not is_taken and answer.status < HTTPStatus.BAD_REQUEST:
        raise RetryLater(f"{said}, a redirect, which is not followed; check {key}")
    if answer.status in PASSING or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise RetryLater(said, retry_after(answer, now))
