"""The alerter as its own process: plan, deliver, again; killed by tests at any moment.

`is_marking_before_send` is the known-bad variant: it says "sent" first and sends then, as many alerters do.
"""

import time
from datetime import timedelta

import structlog
from pydantic import SecretStr
from sqlalchemy.orm import Session

from alerts import deliver
from alerts.deliver import Delivered, Outcome, deliver_pending
from alerts.deliveries import State
from alerts.plan import catch_up
from alerts.receiver import Receiver
from alerts.receivers.webhook import OutgoingWebhookSettings, WebhookReceiver
from alerts.rules import Rules
from shared.clock import utc_now
from shared.config.settings import ReceiverSettings
from shared.database import make_engine

LEASE = timedelta(seconds=1.5)
DEADLINE_SECONDS = 1.0

RULES = Rules.default({"ops": ReceiverSettings(kind="webhook", name="ops", group_wait=0, group_interval=0)})


def work(database_url: str, webhook_url: str, *, is_marking_before_send: bool = False) -> None:
    """Run until killed; lease and deadline are short, and in the same order as the real ones."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if is_marking_before_send:
        deliver._deliver_to = _mark_and_send  # noqa: SLF001 (spoils what the test is about to catch)
    settings = OutgoingWebhookSettings(kind="webhook", name="ops", url=SecretStr(webhook_url))
    receivers: dict[str, Receiver] = {"ops": WebhookReceiver(settings, "http://127.0.0.1", DEADLINE_SECONDS)}
    engine = make_engine(database_url, application="alerts", pool_size=3)
    while True:
        catch_up(engine, RULES, utc_now())
        deliver_pending(engine, receivers, RULES, utc_now(), lease=LEASE)
        time.sleep(0.005)


def _mark_and_send(name: str, receiver: Receiver, terms: deliver._Terms) -> Delivered:
    with Session(terms.engine) as session, session.begin():
        job = deliver._claim(session, name, receiver, terms)  # noqa: SLF001
    if job is None:
        return Delivered()
    settled = deliver._settle(job, Outcome(State.SENT), terms)  # noqa: SLF001
    time.sleep(0.05)  # as long as the far side takes to answer, so that kills fall into it as often
    deliver._try_once(receiver, job, terms.clock())  # noqa: SLF001
    return settled
