"""A GitHub App in place of a token: asked for once, renewed in time, one for each owner, told in words when refused."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import SecretStr
from sqlalchemy import Engine

from cli.findings import State
from cli.findings import provider as examine
from collectors import COLLECTORS
from collectors.credential_name import credential_name
from collectors.github import GitHubCollector, GitHubSettings
from collectors.github_app import App, SharedToken, Token
from shared.clock import utc_now
from shared.config.settings import load
from shared.errors import ConfigError, CredentialRefused, NotFound, Unauthorized, Unavailable
from shared.http.client import Limits
from shared.secret import SecretSource
from simulator import Simulator
from simulator.server import Record
from tests.collectors.watching import Watching
from tests.factories import NOON, minutes

APP = 4100011
ORG = "northwind"
QUICK = Limits(connect_seconds=2, read_seconds=2, total_seconds=4, pause_seconds=0.001)
EXCHANGE = "/access_tokens"


@lru_cache
def key(number: int = 0) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(made: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return made.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def public(made: rsa.RSAPrivateKey) -> str:
    return made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def make_app(simulator: Simulator, *more: str) -> None:
    """An app, installed on the owner of the world's repositories and on some more."""
    owners = (simulator.repositories[0].partition("/")[0], *more)
    simulator.github.apps.make(APP, public(key()), {owner: 900 + place for place, owner in enumerate(owners)})


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=11, profile="drill", runs=30, seconds=30, now=utc_now() - minutes(3)) as simulator:
        simulator.clock.advance(180)
        make_app(simulator, ORG)
        yield simulator


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "app.pem"
    path.write_text(pem(key()))
    return path


@pytest.fixture
def settings(simulator: Simulator, key_file: Path) -> GitHubSettings:
    return GitHubSettings(
        kind="github",
        name="github.com",
        base_url=simulator.url,
        watch=simulator.repositories[:1],
        app_id=APP,
        app_key=SecretSource(file=key_file),
    )


def exchanges(simulator: Simulator) -> list[Record]:
    return [each for each in simulator.requests("github") if each.target.endswith(EXCHANGE)]


def check(settings: GitHubSettings, scope: str | None = None) -> tuple[str, ...]:
    with GitHubCollector.open_client(settings, limits=QUICK) as client:
        return GitHubCollector(settings, scope or settings.watch[0], client).check().words


def app_at(simulator: Simulator) -> App:
    """An app that lives in the simulator's time."""
    return App(simulator.url, APP, SecretStr(pem(key())), clock=simulator.clock.now)


def test_a_private_repository_is_read_as_the_app(simulator: Simulator, settings: GitHubSettings) -> None:
    private = simulator.repositories[-1]

    words = check(settings, private)

    assert f"{private} is private" in words[0]
    assert words[2].startswith(f"the GitHub App {APP} is accepted; ")
    assert words[2].endswith("of 5000 requests left")


def test_whole_polls_as_an_app_record_the_truth_with_one_token(
    database: Engine, simulator: Simulator, settings: GitHubSettings
) -> None:
    watching = Watching(database, simulator, settings.watch, None)
    watching.provider = settings

    for _ in range(6):
        watching.turn()

    assert len(watching.truth()) > 10
    assert watching.attempts() == watching.truth()
    assert len(exchanges(simulator)) == 1
    (credential,) = watching.rows("SELECT fingerprint, request_limit, is_rejected FROM credentials")
    assert credential == {
        "fingerprint": credential_name("github.com", settings),
        "request_limit": 5000,
        "is_rejected": False,
    }


def test_a_new_token_costs_each_list_once_and_what_is_known_of_the_credential_stays(
    database: Engine, simulator: Simulator, settings: GitHubSettings
) -> None:
    watching = Watching(database, simulator, settings.watch, None)
    watching.provider = settings
    for _ in range(12):
        watching.turn()
    simulator.github.apps.revoke()
    simulator.forget_requests()

    for _ in range(8):
        watching.turn()

    lists = [each for each in simulator.requests("github") if "/actions/runs?" in each.target]
    assert len({each.target for each in lists if each.status == 200}) == sum(each.status == 200 for each in lists)
    assert {each.status for each in lists[-3:]} == {304}
    assert len(watching.rows("SELECT FROM credentials")) == 1


def test_every_owner_is_asked_with_the_token_of_its_own_installation(
    simulator: Simulator, settings: GitHubSettings
) -> None:
    simulator.github.estate.add(ORG, "secret", is_private=True)

    assert "is private" in check(settings, f"{ORG}/secret")[0]
    assert "is private" in check(settings, simulator.repositories[-1])[0]

    assert [each.target for each in exchanges(simulator)] == [
        "/app/installations/901/access_tokens",
        "/app/installations/900/access_tokens",
    ]


def test_what_a_configured_installation_does_not_hold_is_not_there(
    simulator: Simulator, settings: GitHubSettings
) -> None:
    simulator.github.estate.add(ORG, "secret", is_private=True)
    configured = settings.model_copy(update={"installation_id": 900})

    (words,) = check(configured, f"{ORG}/secret")

    assert "not there" in words
    assert [each.target for each in simulator.requests("github")][:1] == ["/app/installations/900/access_tokens"]


def test_a_page_without_an_owner_in_its_address_is_asked_for_with_the_same_token(
    simulator: Simulator, settings: GitHubSettings
) -> None:
    small = settings.model_copy(update={"page_size": 2})

    with GitHubCollector.open_client(small, limits=QUICK) as client:
        pages = list(
            GitHubCollector(small, simulator.repositories[0], client).list_recent_builds(utc_now() - minutes(60))
        )

    assert len(pages) > 2
    assert any(each.target.startswith("/repositories/") for each in simulator.requests("github"))
    assert {each.status for each in simulator.requests("github")} == {200, 201}


def test_a_token_that_ended_early_is_renewed_once_and_the_question_answered(
    simulator: Simulator, settings: GitHubSettings
) -> None:
    check(settings)
    simulator.github.apps.revoke()
    simulator.forget_requests()

    words = check(settings)

    assert "is accepted" in words[-1]
    assert [each.status for each in simulator.requests("github")][:2] == [401, 200]
    assert len(exchanges(simulator)) == 1


def test_a_credential_that_stays_refused_is_asked_with_twice_and_no_more(
    simulator: Simulator, settings: GitHubSettings
) -> None:
    simulator.fault("unauthorized", path="/repos")

    with GitHubCollector.open_client(settings, limits=QUICK) as client, pytest.raises(CredentialRefused):
        GitHubCollector(settings, settings.watch[0], client).fetch_default_branch()

    assert sum(each.target.startswith("/repos") for each in simulator.requests("github")) == 2


def test_a_token_is_renewed_five_minutes_before_it_ends(simulator: Simulator) -> None:
    token = app_at(simulator).token_for(ORG)
    first = token.current()

    simulator.clock.advance(54 * 60)
    still = token.current()
    simulator.clock.advance(2 * 60)
    renewed = token.current()

    assert still == first
    assert renewed != first
    assert renewed.get_secret_value().startswith(f"ghs_{APP}_")


def test_many_threads_without_a_token_ask_for_one_only_once(simulator: Simulator) -> None:
    app, start = app_at(simulator), threading.Barrier(8)

    def ask(_number: int) -> str:
        start.wait()
        return app.token_for(ORG).current().get_secret_value()

    with ThreadPoolExecutor(8) as threads:
        tokens = set(threads.map(ask, range(8)))

    assert len(tokens) == 1
    assert len(exchanges(simulator)) == 1


def test_threads_that_waited_for_a_renewal_share_its_failure() -> None:
    begun, looked, answered = threading.Event(), threading.Event(), threading.Event()
    asked: list[datetime] = []

    def clock() -> datetime:
        if begun.is_set():
            looked.set()
        return NOON

    def renew() -> Token:
        asked.append(NOON)
        if len(asked) == 1:
            return Token(SecretStr("over-already"), NOON)
        begun.set()
        answered.wait(10)
        raise Unavailable("away")

    token = SharedToken(renew, clock)
    token.current()
    with ThreadPoolExecutor(2) as threads:
        renewing = threads.submit(token.current)
        begun.wait(10)
        waiting = threads.submit(token.current)
        looked.wait(10)
        answered.set()

    assert [str(each.exception()) for each in (renewing, waiting)] == ["away", "away"]
    assert len(asked) == 2


@pytest.mark.parametrize(("minute", "is_still_used"), [(56, True), (59, True), (60, False)])
def test_while_no_new_token_can_be_had_the_old_one_is_used_to_its_end(minute: int, is_still_used: bool) -> None:
    now = [NOON]
    answers: list[Token | Unavailable] = [Token(SecretStr("the-first"), NOON + minutes(60)), Unavailable("away")]

    def renew() -> Token:
        answer = answers.pop(0)
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    token = SharedToken(renew, lambda: now[0])
    token.current()
    now[0] += minutes(minute)

    if is_still_used:
        assert token.current().get_secret_value() == "the-first"
    else:
        with pytest.raises(Unavailable):
            token.current()


@pytest.mark.parametrize("minutes_ahead", [-30, -11, 11, 30])
def test_a_clock_that_is_wrong_is_put_right_by_githubs(simulator: Simulator, minutes_ahead: int) -> None:
    def wrong() -> datetime:
        return simulator.clock.now() + timedelta(minutes=minutes_ahead)

    app = App(simulator.url, APP, SecretStr(pem(key())), clock=wrong)
    token = app.exchange(ORG)

    assert [each.status for each in simulator.requests("github")] == [401, 200, 201]
    assert abs(token.ends_at - wrong() - minutes(60)) < minutes(0.1)


def test_a_key_of_another_app_is_refused_in_words_and_not_tried_again_at_once(
    simulator: Simulator, settings: GitHubSettings, key_file: Path
) -> None:
    key_file.write_text(pem(key(1)))

    with GitHubCollector.open_client(settings, limits=QUICK) as client, pytest.raises(CredentialRefused) as refused:
        GitHubCollector(settings, settings.watch[0], client).fetch_default_branch()

    assert f"the GitHub App {APP}: GitHub does not believe its signature (401: A JSON web token could" in str(
        refused.value
    )
    assert "app_id and app_key have to belong together" in str(refused.value)
    assert len(simulator.requests("github")) == 1


@pytest.mark.parametrize(
    ("change", "scope", "words"),
    [
        ({"app_id": APP + 1}, None, "is not known there; check app_id and base_url"),
        ({}, "stranger/web", "is not installed on stranger, or suspended there"),
        ({"installation_id": 77}, None, "has no installation 77; take installation_id out"),
    ],
)
def test_what_is_wrong_with_the_installation_is_said_with_its_cure(
    simulator: Simulator, settings: GitHubSettings, change: dict[str, int], scope: str | None, words: str
) -> None:
    wrong = settings.model_copy(update=change)

    with GitHubCollector.open_client(wrong, limits=QUICK) as client, pytest.raises(Unauthorized, match=words):
        GitHubCollector(wrong, scope or settings.watch[0], client).fetch_default_branch()


def test_a_suspended_installation_is_said(simulator: Simulator, settings: GitHubSettings) -> None:
    simulator.github.apps.suspend(900)

    (finding,) = examine(settings)

    assert finding.state is State.ERROR
    assert "suspended there; install it from the app's page" in finding.words


def test_the_name_of_the_credential_outlives_its_tokens_but_not_its_key(
    settings: GitHubSettings, key_file: Path
) -> None:
    before = credential_name("github.com", settings)
    check(settings)
    after = credential_name("github.com", settings)
    key_file.write_text(pem(key(1)))

    assert after == before
    assert credential_name("github.com", settings) != before
    assert credential_name("github.com", settings.model_copy(update={"installation_id": 5})) != before


@pytest.mark.parametrize(
    ("lines", "mistakes"),
    [
        ('app_id = 7\napp_key_env = "KEY"', []),
        ('app_id = 7\napp_key_env = "ONE_LINE"\ninstallation_id = 8', []),
        ('app_id = 7\napp_key_env = "KEY"\ntoken_env = "TOKEN"', ["app_id: stands beside a token"]),
        ("app_id = 7", ["app_key: is missing"]),
        ('app_id = 7\napp_key_env = "UNSET"', ["app_key_env: the environment variable UNSET is not set"]),
        ('app_key_env = "KEY"', ["app_key: is of no app; say which with app_id"]),
        ("installation_id = 8", ["installation_id: is an app's; add app_id"]),
        ('app_id = 7\napp_key_env = "TOKEN"', ["app_key: names no private key in PEM"]),
        ('app_id = 7\napp_key_env = "CURVE"', ["app_key: names a private key that is not RSA"]),
        ('app_id = "seven"\napp_key_env = "KEY"', ["app_id: must be a whole number"]),
    ],
)
def test_an_app_is_configured_whole_or_the_mistake_is_told(tmp_path: Path, lines: str, mistakes: list[str]) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[[providers]]\nkind = "github"\nname = "github.com"\n{lines}\n')
    made = pem(key())
    environ = {"KEY": made, "ONE_LINE": made.strip().replace("\n", "\\n"), "TOKEN": "a-token-of-github"}
    environ["CURVE"] = pem(ec.generate_private_key(ec.SECP256R1()))
    kinds = {kind: collector.settings_class for kind, collector in COLLECTORS.items()}

    told: list[str] = []
    try:
        load(path, providers=kinds, environ=environ)
    except ConfigError as error:
        told = [f"{where.removeprefix('providers[0].')}: {words}" for where, words in error.mistakes]

    assert len(told) == len(mistakes)
    assert all(said.startswith(wanted) for said, wanted in zip(told, mistakes, strict=True))


def test_neither_the_token_nor_the_signature_is_ever_logged(
    simulator: Simulator, settings: GitHubSettings, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    simulator.github.apps.revoke()

    with pytest.raises(NotFound) as error, GitHubCollector.open_client(settings, limits=QUICK) as client:
        GitHubCollector(settings, f"{ORG}/nothing", client).fetch_default_branch()

    said = caplog.text + "".join(capsys.readouterr()) + str(error.value) + repr(settings)
    assert "got an installation's token" in said
    assert "ghs_" not in said
    assert "eyJ" not in said
    assert "PRIVATE KEY" not in said
