"""The far side of a webhook of your own: an HTTP server whose address and signing key are secrets."""

from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from alerts.receivers.webhook import OutgoingWebhookSettings, WebhookReceiver
from shared.secret import SecretSource
from tests.alerts.receivers.http import HttpFarSide
from tests.alerts.stand import Said

BASE_URL = "https://builds.example.com"
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class WebhookStand(HttpFarSide):
    """One endpoint whose path carries a token."""

    secret = "canary-t0ken"
    later: Sequence[Said] = (
        Said(429),
        Said(500, "oops"),
        Said(502, "<html>Bad Gateway</html>"),
        Said(503),
        Said(504),
        Said(408),
        Said(425),
        Said(407),
        Said(302, headers={"Location": "http://127.0.0.1:1/elsewhere"}),
    )
    never: Sequence[Sequence[Said]] = ([Said(400, "cannot read it")], [Said(413)], [Said(422)], [Said(405)])
    gone: Sequence[Said] = (Said(404), Said(410), Said(401), Said(403))
    pauses: Sequence[Said] = (Said(429), Said(503))
    live: Sequence[str] = ("\\u0000", "\\r", "\\u001b", "\\ud800")

    def receiver(self, deadline_seconds: float | None = None, **settings: Any) -> WebhookReceiver:
        told: dict[str, Any] = {
            "url": SecretStr(f"http://127.0.0.1:{self.port}/hooks/{self.secret}"),
            "secret": SecretSource(env="KEY", environ={"KEY": KEY}),
        }
        opened = OutgoingWebhookSettings(kind="webhook", name="hook", **(told | settings)).open(BASE_URL)
        return opened if deadline_seconds is None else WebhookReceiver(opened.settings, BASE_URL, deadline_seconds)

    @property
    def taken(self) -> Sequence[str]:
        return [post.body.decode() for post in self.posts]


STAND = WebhookStand
