"""Every story of docs/alerts.md comes true: real planner, real deliveries, real rules, a simulated clock."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from alerts import RECEIVERS, by_time
from alerts.deliver import deliver_pending
from alerts.notice import Notice
from alerts.plan import catch_up
from alerts.receiver import Receiver, Reference
from alerts.rule_book import RuleBook
from shared import alert_rules, silences
from shared.config.routes import Matchers
from shared.config.settings import Config, load
from tests.alerts.history import History, a_run
from tests.alerts.stories import DAY, Build, Quiet, Sent, Story, stories

# A story is looked at closely for half a minute after each of its lines, and every five minutes of the rest.
CLOSELY = [timedelta(seconds=seconds) for seconds in range(0, 31, 5)]
COARSELY = timedelta(minutes=5)
LATE = timedelta(seconds=15)


@dataclass
class Channel:
    """A receiver that takes everything and remembers when."""

    name: str
    sent: list[Sent]
    now: datetime = DAY
    has_threads: bool = field(default=False, init=False)

    def send(self, notice: Notice, *, is_possible_repeat: bool, thread: Reference | None = None) -> None:
        assert not is_possible_repeat
        assert thread is None
        self.sent.append(Sent(self.now, self.name, notice.title))


@dataclass
class Stage:
    """A story's world: its database, its rules and its channels."""

    database: Engine
    book: RuleBook
    history: History
    channels: dict[str, Channel]
    builds: int = 0

    def play(self, event: Build | Quiet) -> None:
        """Let it happen."""
        with Session(self.database) as session, session.begin():
            if isinstance(event, Quiet):
                matchers = Matchers.model_validate({event.key: event.pattern})
                made = silences.NewSilence(
                    matchers=matchers, reason="quiet", author="ada", starts_at=event.at, ends_at=event.until
                )
                silences.add(session, made)
                return
            self.builds += 1
            self.history.session = session
            self.history.see(
                a_run(
                    self.builds,
                    event.status,
                    queued_at=event.at - timedelta(minutes=5),
                    repository_name=event.repository,
                    repository_external_id=event.repository,
                    pipeline_name=event.pipeline,
                    pipeline_external_id=f"{event.repository}/{event.pipeline}",
                    branch=event.branch,
                )
            )

    def tick(self, now: datetime) -> None:
        """What the scheduler does each second."""
        receivers: dict[str, Receiver] = {}
        for name, channel in self.channels.items():
            channel.now = now
            receivers[name] = channel
        with Session(self.database) as session, session.begin():
            rules = self.book.read(session)
        catch_up(self.database, rules, now)
        by_time.act(self.database, rules, now)
        deliver_pending(self.database, receivers, rules, now)


@pytest.fixture
def config(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The configuration above the story, as a scheduler would load it."""
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T/B/story")
    file = tmp_path / "config.toml"
    file.write_text(request.getfixturevalue("story").config)
    return load(file, receivers=RECEIVERS)


def moments(story: Story) -> list[datetime]:
    """Every instant somebody looks, in order; some of them after the last line."""
    lines = [each.at for each in (*story.happens, *story.sent)]
    count = (max(lines) - min(lines)) // COARSELY + 4
    return sorted({at + wait for at in lines for wait in CLOSELY} | {min(lines) + COARSELY * n for n in range(count)})


@pytest.mark.parametrize("story", list(stories()), ids=lambda story: f"story {story.number}")
def test_a_story_of_the_guide_comes_true(story: Story, config: Config, database: Engine) -> None:
    sent: list[Sent] = []
    with Session(database) as session, session.begin():
        alert_rules.sync_rules(session, config)
        history = History(session, baseline_at=DAY)
    channels = {each.name: Channel(each.name, sent) for each in config.receivers}
    stage = Stage(database, RuleBook(config), history, channels)

    waiting = list(story.happens)
    for now in moments(story):
        while waiting and waiting[0].at <= now:
            stage.play(waiting.pop(0))
        stage.tick(now)

    told, sent = sorted(story.sent), sorted(sent)
    assert [(each.receiver, each.title) for each in sent] == [(each.receiver, each.title) for each in told]
    # Sending takes a moment of the real clock, so that a turn may be over just after somebody looked.
    assert all(timedelta(0) <= is_sent.at - is_told.at <= LATE for is_sent, is_told in zip(sent, told, strict=True)), (
        list(map(str, sent))
    )


def test_the_guide_has_stories() -> None:
    assert sum(1 for _ in stories()) >= 8
    assert all(story.config and story.happens for story in stories())
