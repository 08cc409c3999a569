"""Run as a program by alerts/receivers/apprise_process.py: hands messages to apprise; imports nothing of ours.

Says that it is ready, then reads one JSON object a line: `url`, and for more than a check of that `title`, `body`,
`tone`. Answers each with a line of one word. Ends with its input, or when nothing was asked for a while. What apprise
logs may hold the address, and goes nowhere.
"""

import json
import os
import signal
import sys
from typing import Any

READY = "ready"
SENT = "sent"
NOT_SENT = "not_sent"
NOT_UNDERSTOOD = "not_understood"

_IDLE_SECONDS = 900
_KINDS = {"bad": "failure", "unsteady": "warning", "good": "success", "plain": "info"}


def main() -> None:
    """One message after the other, until nobody asks any more."""
    import apprise  # noqa: PLC0415 (whoever only wants the words above need not have it)

    apprise.Apprise.instantiate("json://localhost")  # reads all that apprise knows, which takes a while the first time
    # The answers keep the output that the parent reads; what services print goes nowhere.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        answers.write(f"{READY}\n")
        answers.flush()
        signal.alarm(_IDLE_SECONDS)
        for line in sys.stdin:
            signal.alarm(0)  # the parent keeps the deadline
            answers.write(f"{_handle(json.loads(line))}\n")
            answers.flush()
            signal.alarm(_IDLE_SECONDS)


def _handle(told: dict[str, Any]) -> str:
    import apprise  # noqa: PLC0415

    asset = apprise.AppriseAsset(app_id="Build Observatory", app_desc="Build Observatory", app_url="")
    asset.http_redirects = False  # a message must not wander off to where an answer points
    service = apprise.Apprise.instantiate(told["url"], asset=asset)
    if service is None:
        return NOT_UNDERSTOOD
    if "body" not in told:
        return SENT
    if "overflow=" not in told["url"]:
        service.overflow_mode = apprise.OverflowMode.TRUNCATE  # else services refuse what is too long for them
    services = apprise.Apprise(asset=asset)
    services.add(service)
    kind = apprise.NotifyType(_KINDS[told["tone"]])
    is_sent = services.notify(told["body"], told["title"], notify_type=kind, body_format=apprise.NotifyFormat.TEXT)
    return SENT if is_sent else NOT_SENT


if __name__ == "__main__":
    main()
