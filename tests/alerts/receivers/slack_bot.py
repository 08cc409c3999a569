"""The far side of Slack's bots: the simulator's Web API, behind the same server with bad habits."""

import json
from collections.abc import Sequence
from dataclasses import replace

from pydantic import SecretStr

from alerts.receivers.slack_bot import SlackBotReceiver, SlackBotSettings
from simulator.slack import BOT_TOKEN
from tests.alerts.receivers.slack import BASE_URL, LIVE, HttpStand
from tests.alerts.stand import Said


def refused(error: str, status: int = 200) -> Said:
    """As Slack says no: mostly with status 200."""
    return Said(status, json.dumps({"ok": False, "error": error}))


class SlackBotStand(HttpStand):
    """A workspace with one bot in #builds."""

    later: Sequence[Said] = (
        refused("ratelimited", 429),
        refused("ratelimited"),
        refused("internal_error"),
        refused("fatal_error", 500),
        refused("service_unavailable"),
        refused("request_timeout"),
        refused("team_added_to_org"),
        Said(502, "<html>Bad Gateway</html>"),
        Said(503),
        Said(302, headers={"Location": "http://127.0.0.1:1/elsewhere"}),
        Said(200, "<!doctype html><title>Log in to the hotel's network</title>"),
        Said(200, "ok"),
        Said(200, "[]"),
        Said(200, "{}"),
    )
    never: Sequence[Sequence[Said]] = (
        [refused("invalid_blocks")] * 2,
        [refused("msg_blocks_too_long"), refused("msg_too_long")],
        [refused("an_error_of_next_year")] * 2,
        [Said(400, "bad request")] * 2,
        [Said(413)] * 2,
    )
    gone: Sequence[Said] = (
        *map(refused, ("invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive")),
        *map(refused, ("channel_not_found", "not_in_channel", "is_archived", "missing_scope", "no_permission")),
        *map(refused, ("restricted_action", "access_denied", "team_access_not_granted", "method_deprecated")),
        Said(404, "no such page"),
        Said(403),
        Said(401),
    )
    pauses: Sequence[Said] = (refused("ratelimited", 429), Said(503))
    live: Sequence[str] = LIVE

    def __init__(self, latency_seconds: float = 0.0) -> None:
        super().__init__(latency_seconds)
        self.secret = BOT_TOKEN
        self.api_url = f"{self.base}/api"

    def receiver(self, deadline_seconds: float | None = None, channel: str = "#builds") -> SlackBotReceiver:
        settings = SlackBotSettings(
            kind="slack-bot", name="ops", token=SecretStr(BOT_TOKEN), channel=channel, api_url=self.api_url
        )
        opened = settings.open(BASE_URL)
        return opened if deadline_seconds is None else replace(opened, deadline_seconds=deadline_seconds)


STAND = SlackBotStand
