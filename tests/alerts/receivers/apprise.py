"""Apprise's far side: a service it posts JSON to, in a process that only apprise knows of."""

import json
from collections.abc import Sequence

from pydantic import SecretStr

from alerts.receivers.apprise_urls import AppriseReceiver
from tests.alerts.receivers.http import HttpFarSide, Post
from tests.alerts.stand import Said

BASE_URL = "https://builds.example.com"


class AppriseStand(HttpFarSide):
    """One service; apprise passes on a yes or a no and nothing else: no answer is final, none asks for a pause."""

    secret = "canary-t0ken"
    later: Sequence[Said] = (Said(429), Said(500, "oops"), Said(404), Said(302, headers={"Location": "http://[::1]:1"}))
    never: Sequence[Sequence[Said]] = ()
    gone: Sequence[Said] = ()
    pauses: Sequence[Said] = ()
    live: Sequence[str] = ("@everyone", "<!channel", "<@U1", "\\u0000", "\\u001b", "\\ud800")

    def receiver(self, deadline_seconds: float | None = None) -> AppriseReceiver:
        # Settings ask apprise whether it understands the address, which takes a second; test_apprise.py opens them.
        url = f"json://127.0.0.1:{self.port}/{self.secret}"
        if deadline_seconds is None:
            return AppriseReceiver(SecretStr(url), BASE_URL)
        # A worker takes about a second to start, so a short deadline may end before anything is asked for: what stalls
        # is another address then, and the next message does not meet it.
        return AppriseReceiver(SecretStr(f"{url}/stall"), BASE_URL, deadline_seconds)

    def hang(self) -> None:
        self.habit_of_stalls = self.wait

    def drip(self) -> None:
        self.habit_of_stalls = self.trickle

    @property
    def taken(self) -> Sequence[str]:
        return [_shown(post) for post in self.posts]


def _shown(post: Post) -> str:
    body = json.loads(post.body)
    return json.dumps(f"{body['title']}\n{body['message']}", ensure_ascii=False).replace("\\n", "\n")


STAND = AppriseStand
