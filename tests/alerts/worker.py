"""The alerter as its own process: plan, deliver, again; killed by tests at any moment."""

import time
from datetime import timedelta

from pydantic import SecretStr

from alerts.deliver import deliver_pending
from alerts.plan import catch_up
from alerts.receiver import Receiver
from alerts.slack import SlackReceiver
from shared.clock import utc_now
from shared.database import make_engine

LEASE = timedelta(seconds=3)
DEADLINE_SECONDS = 2.0


def work(database_url: str, webhook_url: str) -> None:
    """Run until killed; lease and deadline are short, and in the same order as the real ones."""
    engine = make_engine(database_url, application="alerts", pool_size=3)
    receivers: dict[str, Receiver] = {"ops": SlackReceiver(SecretStr(webhook_url), "", DEADLINE_SECONDS)}
    while True:
        catch_up(engine, list(receivers), utc_now())
        deliver_pending(engine, receivers, utc_now(), lease=LEASE)
        time.sleep(0.005)
