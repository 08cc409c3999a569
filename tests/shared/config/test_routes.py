"""Routes of the file: every mistake once with what would be right; patterns that fit by name."""

from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest

from alerts import RECEIVERS
from shared.config.routes import Matchers, QuietHours, RouteSettings, Subject, Told, Weekday
from shared.config.settings import ProviderSettings, load
from shared.errors import ConfigError

HOOK = "https://hooks.slack.com/services/T0/B0/x"
BEFORE = """
[[providers]]
kind = "train"
name = "ci"
base_url = "https://ci.example.com"
[[projects]]
key = "web"
[[receivers]]
kind = "slack"
name = "ops"
webhook_url_env = "HOOK"
[[routes]]
"""

SUBJECT = Subject(
    provider="github",
    instance="github.com",
    project="web",
    team=None,
    repository="acme/web",
    pipeline="ci",
    branch="main",
    is_default_branch=True,
)


def read(tmp_path: Path, route: str) -> RouteSettings:
    path = tmp_path / "config.toml"
    path.write_text(BEFORE + route)
    kinds = {"train": ProviderSettings}
    (found,) = load(path, providers=kinds, receivers=RECEIVERS, environ={"HOOK": HOOK}).routes
    return found


def mistakes(tmp_path: Path, route: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, route)
    assert len(dict(caught.value.mistakes)) == len(caught.value.mistakes), caught.value.mistakes
    return dict(caught.value.mistakes)


def test_a_route_is_read_with_all_it_says(tmp_path: Path) -> None:
    route = read(
        tmp_path,
        """
        name = "payments"
        receivers = "ops"
        project = "web"
        branch = ["@default", "release/*"]
        on = "broke"
        repeat_every = "4h"
        quiet_hours = { start = 22:00:00, end = "07:00", timezone = "Europe/Berlin", days = ["fri"] }
        """,
    )

    assert (route.receivers, route.project, route.on) == (("ops",), ("web",), (Told.BROKE,))
    assert route.repeat_every == 4 * 3600
    assert route.quiet_hours == QuietHours(
        start=time(22), end=time(7), timezone="Europe/Berlin", days=(Weekday.FRIDAY,)
    )


@pytest.mark.parametrize(
    ("route", "wrong"),
    [
        ("", {"routes[0].name": "is missing", "routes[0].receivers": "is missing; it is the names of the receivers"}),
        ("receivers = ['opps']", {"routes[0].receivers[0]": "no receiver is called opps; did you mean ops?"}),
        ("instance = 'cii'", {"routes[0].instance[0]": "no provider is called cii; did you mean ci?"}),
        ("project = ['wep']", {"routes[0].project[0]": "no project is called wep; did you mean web?"}),
        ("on = ['brok']", {"routes[0].on[0]": "must be one of 'broke', 'still_failing', 'flapping' or 'fixed'"}),
        ("on = []", {"routes[0].on": "must be a list with at least one entry"}),
        ("confirm = 0", {"routes[0].confirm": "must be at least 1"}),
        ("repeat_every = '5s'", {"routes[0].repeat_every": "must be at least 1m"}),
        ("brnch = 'main'", {"routes[0].brnch": "unknown key; did you mean branch?"}),
        ("branch = ''", {"routes[0].branch[0]": "must be at least one character long"}),
        ('branch = "a\\u0000"', {"routes[0].branch": "must not hold the character NUL"}),
        ("quiet_hours = { start = '22:00' }", {"routes[0].quiet_hours.end": "is missing; it is when they end"}),
        (
            "quiet_hours = { start = 22, end = '25:00', zone = 'UTC' }",
            {
                "routes[0].quiet_hours.start": "must be a time of day in quotes",
                "routes[0].quiet_hours.end": "must be a time of day in quotes",
                "routes[0].quiet_hours.zone": "unknown key; did you mean timezone?",
            },
        ),
        ("quiet_hours = { start = '7:00', end = '07:00' }", {"routes[0].quiet_hours": "are the same time"}),
        (
            "quiet_hours = { start = '7:00', end = '08:00', timezone = 'Europe/Berln' }",
            {"routes[0].quiet_hours.timezone": "did you mean Europe/Berlin?"},
        ),
        ("every_transition = true\nconfirm = 2", {"routes[0]": "confirm would say when not: keep one"}),
        ("status = 'failed'", {"routes[0]": "status narrows every_transition; set that to true"}),
    ],
)
def test_every_mistake_is_told_once_with_what_would_be_right(tmp_path: Path, route: str, wrong: dict[str, str]) -> None:
    base = "" if not route else "name = 'a'\n" + ("" if "receivers" in route else "receivers = 'ops'\n")

    found = mistakes(tmp_path, base + route)

    assert found.keys() == wrong.keys()
    assert all(words in found[place] for place, words in wrong.items()), found


def test_a_receiver_with_a_mistake_of_its_own_is_known_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(BEFORE.replace("HOOK", "NOT_SET") + "name = 'a'\nreceivers = 'ops'\n")

    with pytest.raises(ConfigError) as caught:
        load(path, receivers=RECEIVERS, environ={})

    assert [place for place, _ in caught.value.mistakes] == ["receivers[0].webhook_url_env"]


def test_where_a_receivers_secret_is_stays_known_without_the_secret(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(BEFORE + "name = 'a'\nreceivers = 'ops'\n")

    config = load(path, receivers=RECEIVERS, environ={"HOOK": HOOK})

    assert config.receiver_secrets == {"ops": {"webhook_url_env": "HOOK"}}


def test_patterns_fit_by_name_and_all_that_are_given_have_to() -> None:
    assert Matchers().mismatch(SUBJECT) is None
    assert Matchers(repository=("acme/*",), branch=("main",)).mismatch(SUBJECT) is None
    assert Matchers(pipeline=("deploy", "release")).mismatch(SUBJECT) == "pipeline ci is none of deploy, release"
    assert Matchers(repository=("acme/*",), team=("web",)).mismatch(SUBJECT) == "team (none) is none of web"


def test_the_default_branch_is_each_pipelines_own() -> None:
    default = Matchers(branch=("@default",))

    assert default.mismatch(SUBJECT) is None
    assert default.mismatch(replace(SUBJECT, branch="trunk")) is None
    other = replace(SUBJECT, branch="feature", is_default_branch=False)
    assert default.mismatch(other) == "branch feature is none of @default"
    assert Matchers(branch=("@default", "feat*")).mismatch(other) is None
