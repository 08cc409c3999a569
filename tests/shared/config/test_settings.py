"""Every mistake is told at once with what would be right; what is right is read from file and environment."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.config.fields import parse_duration
from shared.config.secrets import secret_prints
from shared.config.settings import (
    Config,
    ProjectSettings,
    ProviderSettings,
    ReceiverSettings,
    default_data_folder,
    load,
    project_for,
)
from shared.errors import ConfigError
from shared.secret import SecretSource

TOKEN = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"


class TrainSettings(ProviderSettings):
    """A kind of provider with a secret, which it can do without."""

    token: SecretSource = SecretSource()


KINDS = {"train": TrainSettings}


Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text)
        return path

    return write_file


def mistakes_of(path: Path | None, **environ: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load(path, providers=KINDS, receivers={"bell": ReceiverSettings}, environ=environ)
    assert len({place for place, _ in caught.value.mistakes}) == len(caught.value.mistakes), caught.value.mistakes
    return dict(caught.value.mistakes)


def provider(**keys: str) -> str:
    given = {"kind": '"train"', "name": '"one"', "base_url": '"https://ci.example.com"'} | keys
    return "[[providers]]\n" + "".join(f"{key} = {value}\n" for key, value in given.items())


def test_without_a_file_everything_has_a_default() -> None:
    config = load(None, environ={})

    assert (config.server.host, config.server.port, config.server.base_url) == (
        "127.0.0.1",
        8080,
        "http://127.0.0.1:8080",
    )
    assert config.server.is_loopback
    assert config.database.url is None
    assert config == Config(path=None, database=config.database)


def test_all_mistakes_of_all_sections_are_told_at_once(write: Write) -> None:
    path = write(
        """
        [server]
        prot = 80
        port = 70000
        workers = "many"
        public_read = "perhaps"
        [scheduler]
        poll_floor_seconds = "fast"
        [logging]
        level = "loud"
        [[projects]]
        key = "a b"
        [[receivers]]
        kind = "bel"
        name = "x"
        [severs]
        """
        + provider(base_url='"ci.example.com"', watch='"a"', colour='"red"')
    )

    assert mistakes_of(path) == {
        "severs": "unknown section; did you mean server?",
        "server.prot": "unknown key; did you mean port?",
        "server.port": "must be at most 65535, not 70000",
        "server.workers": 'must be a whole number such as 8, not "many"',
        "server.public_read": 'must be true or false, not "perhaps"',
        "scheduler.poll_floor_seconds": 'must be a duration such as "30s", "5m" or "1h30m", not "fast"',
        "logging.level": "must be one of 'debug', 'info', 'warning', 'error' or 'critical', not \"loud\"",
        "projects[0].key": 'must begin with a letter or digit and hold only those and ". _ -", not "a b"',
        "receivers[0].kind": "'bel' is not a kind we know; it can be \"bell\"",
        "providers[0].base_url": (
            'is not an http:// or https:// URL: "ci.example.com"; write it like https://ci.example.com'
        ),
        "providers[0].watch": 'must be a list such as ["one", "two"], not "a"',
        "providers[0].colour": (
            "unknown key; known: base_url, kind, name, token_env, token_file, watch, webhook_previous_secret_env, "
            "webhook_previous_secret_file, webhook_secret_env, webhook_secret_file"
        ),
    }


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("[[server]]\nport = 1", "server", "write [server]"),
        ("providers = 3", "providers", "write [[providers]]"),
        ("[providers]\nkind = 'train'", "providers", "write [[providers]]"),
        ("projects = [1]", "projects", "write [[projects]]"),
        ("[[providers]]\nname = 'x'", "providers[0].kind", 'is missing; it can be "train"'),
        ("[[providers]]\nkind = ['x']", "providers[0].kind", "not a kind we know"),
        ("[[projects]]\nname = 'x'", "projects[0].key", "is missing; it is its short name"),
        ("[[projects]]\nkey = 'x'\nsources = ['acme/*']", "projects[0].sources", "names no instance"),
        (provider(base_url='"https://me:secret@ci"'), "providers[0].base_url", "must not carry a user or password"),
        (provider(base_url='"https://ci:x/"'), "providers[0].base_url", "is not a URL"),
        (provider(base_url='"https://ci/?a=b"'), "providers[0].base_url", "no query"),
        (provider(name="7"), "providers[0].name", "must be text in quotes, not 7"),
        (provider(watch='["a", "b", "a"]'), "providers[0].watch[2]", '"a" is watched twice'),
        (provider() + provider(), "providers[1].name", '"one" is already providers[0]'),
        ("[[projects]]\nkey='a'\n[[projects]]\nkey='a'", "projects[1].key", '"a" is already projects[0]'),
        ("[database]\npool_size = true", "database.pool_size", "must be a number, not true"),
        ("[scheduler]\npoll_floor_seconds = true", "scheduler.poll_floor_seconds", "must be a number, not true"),
    ],
)
def test_a_mistake_names_its_place_and_the_cure(write: Write, text: str, place: str, words: str) -> None:
    found = mistakes_of(write(text))

    assert set(found) - {"providers[0].name", "providers[0].base_url"} <= {place} or set(found) == {place}
    assert words in found[place]


def test_a_pattern_over_an_instance_nobody_configured_is_a_mistake(write: Write) -> None:
    path = write(provider(name='"github.com"') + "[[projects]]\nkey = 'a'\nsources = ['githb.com:x', '*:x']\n")

    assert mistakes_of(path) == {
        "projects[0].sources[0]": "no provider is called githb.com; did you mean github.com?",
    }


def test_a_syntax_error_names_the_line(write: Write) -> None:
    path = write("[server]\nport = 1\nhost 'x'\n")

    assert "line 3" in mistakes_of(path)[str(path)]


def test_a_file_that_is_missing_or_unreadable_or_no_text_says_so(tmp_path: Path) -> None:
    missing, folder, binary = tmp_path / "none.toml", tmp_path / "folder", tmp_path / "binary.toml"
    folder.mkdir()
    binary.write_bytes(b"a = '\xff'")

    assert "copy config.example.toml" in mistakes_of(missing)[str(missing)]
    assert "cannot be read: Is a directory" in mistakes_of(folder)[str(folder)]
    assert "UTF-8" in mistakes_of(binary)[str(binary)]


def test_the_environment_lies_over_the_file_and_ours_over_the_platforms(write: Write) -> None:
    path = write("[server]\nport = 1\nworkers = 1\n[database]\nurl_file = '/nowhere'\n")
    environ = {
        "PORT": "2",
        "OBSERVATORY_SERVER__PORT": "3",
        "WEB_CONCURRENCY": "4",
        "LOG_LEVEL": "WARNING",
        "DATABASE_URL": "postgres://me:hidden-one@db/x",
        "OBSERVATORY_SERVER__ALLOWED_HOSTS": "a.example, b.example",
        "OBSERVATORY_SERVER__PUBLIC_READ": "true",
        "OBSERVATORY_SCHEDULER__POLL_FLOOR_SECONDS": "2m",
        "OBSERVATORY_SERVER__HOST": "",
        "OBSERVATORY_TEST_DATABASE_URL": "ignored",
    }

    config = load(path, environ=environ)

    assert (config.server.port, config.server.workers, config.server.host) == (3, 4, "127.0.0.1")
    assert config.server.allowed_hosts == ("a.example", "b.example")
    assert config.server.public_read is True
    assert config.logging.level == "warning"
    assert config.scheduler.poll_floor_seconds == 120
    assert config.database.url is not None
    assert config.database.url.get_secret_value() == "postgres://me:hidden-one@db/x"
    assert config.origins["server", "port"] == "OBSERVATORY_SERVER__PORT"
    assert "hidden-one" not in repr(config)


def test_a_mistake_in_a_variable_names_the_variable() -> None:
    found = mistakes_of(
        None,
        OBSERVATORY_SERVER__PORT="many",
        OBSERVATORY_SERVER__PROT="1",
        OBSERVATORY_SEVER__PORT="1",
        DATABASE_URL="mysql://me:hidden-one@db/x",
    )

    assert found == {
        "OBSERVATORY_SERVER__PORT": 'must be a whole number such as 8, not "many"',
        "OBSERVATORY_SERVER__PROT": "unknown key; did you mean port?",
        "OBSERVATORY_SEVER__PORT": "no section is called sever; did you mean server?",
        "DATABASE_URL": "must be a PostgreSQL address; it begins with postgresql://",
    }


def test_the_databases_address_may_lie_in_a_file(tmp_path: Path, write: Write) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://db/x\n")

    by_environment = load(None, environ={"DATABASE_URL_FILE": str(secret)})
    by_file = load(write(f"[database]\nurl_file = '{secret}'"), environ={})

    for config in (by_environment, by_file):
        assert config.database.url is not None
        assert config.database.url.get_secret_value() == "postgresql://db/x"


@pytest.mark.parametrize(
    ("keys", "place", "words"),
    [
        ({"token": f'"{TOKEN}"'}, "token", 'token_env = "NAME"'),
        ({"token_env": f'"{TOKEN}"'}, "token_env", "looks like the secret itself"),
        ({"token_file": f'"{TOKEN}"'}, "token_file", "looks like the secret itself"),
        ({"token_env": '"MY TOKEN"'}, "token_env", "the name of an environment variable"),
        ({"token_env": '"ABSENT"'}, "token_env", "the environment variable ABSENT is not set"),
        ({"token_file": '"/no/such/file"'}, "token_file", "/no/such/file cannot be read: No such file"),
        ({"token_env": '"A"', "token_file": '"/b"'}, "token_env", "both set; keep one"),
        ({"token_env": "7"}, "token_env", "must be text in quotes"),
        ({"base_url": f'"{TOKEN}"'}, "base_url", "is not an http:// or https:// URL"),
        ({"name": f'"{TOKEN} "'}, "name", "must begin with a letter"),
        ({"watch": f'"{TOKEN}"'}, "watch", "must be a list"),
    ],
)
def test_a_secret_in_the_wrong_place_is_told_and_never_repeated(
    write: Write, keys: dict[str, str], place: str, words: str
) -> None:
    found = mistakes_of(write(provider(**keys)))

    assert list(found) == [f"providers[0].{place}"]
    assert words in found[f"providers[0].{place}"]
    assert TOKEN not in str(found)


def test_a_secret_reaches_its_settings_by_the_name_of_its_variable(write: Write) -> None:
    config = load(write(provider(token_env='"TRAIN_TOKEN"')), providers=KINDS, environ={"TRAIN_TOKEN": "choo-choo"})

    (settings,) = config.providers
    assert isinstance(settings, TrainSettings)
    secret = settings.token.read()
    assert secret is not None
    assert secret.get_secret_value() == "choo-choo"
    assert "choo-choo" not in repr(config)


def test_a_section_nobody_asks_for_is_not_looked_at(write: Write) -> None:
    path = write("[[providers]]\nkind = 'no such kind'\n[[receivers]]\nnonsense = 1\n")

    config = load(path, environ={})

    assert (config.providers, config.receivers) == ((), ())


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(30, 30), ("30", 30), ("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("500ms", 0.5), ("1.5h", 5400)],
)
def test_a_duration_may_carry_units(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize("written", ["", "s", "5 minutes", "1h-3m", "5x"])
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        parse_duration(written)


def test_the_data_folder_follows_the_account() -> None:
    assert default_data_folder({}, is_root=True) == Path("/var/lib/build-observatory")
    assert default_data_folder({"HOME": "/home/ada"}, is_root=False) == Path("/home/ada/.local/share/build-observatory")
    assert default_data_folder({"XDG_DATA_HOME": "/data", "HOME": "/h"}, is_root=False) == Path(
        "/data/build-observatory"
    )
    assert default_data_folder({"XDG_DATA_HOME": "data", "HOME": "/h"}, is_root=False).is_relative_to("/h")


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("ci", False)],
)
def test_loopback_is_known_by_its_address(host: str, is_loopback: bool) -> None:
    assert load(None, environ={"OBSERVATORY_SERVER__HOST": host}).server.is_loopback is is_loopback


def test_a_pattern_over_pipelines_wins_over_one_over_sources_and_the_first_over_later_ones() -> None:
    projects = (
        ProjectSettings(key="all", sources=("github.com:*",)),
        ProjectSettings(key="web", sources=("github.com:acme/web",)),
        ProjectSettings(key="deploys", pipelines=("github.com:acme/*/Deploy*", "jenkins:release")),
    )

    assert project_for(projects, "github.com", "acme/web", "CI") == "all"
    assert project_for(projects[1:], "github.com", "acme/web", "CI") == "web"
    assert project_for(projects, "github.com", "acme/web", "Deploy to production") == "deploys"
    assert project_for(projects, "github.com", "acme/web") == "all"
    assert project_for(projects, "jenkins", "some/folder", "release") == "deploys"
    assert project_for(projects, "jenkins", "some/folder", "nightly") == "default"
    assert project_for(projects, "GitHub.com", "acme/web", "CI") == "default"


def test_a_mistake_in_the_file_is_told_even_while_a_variable_stands_over_it(write: Write) -> None:
    path = write('[server]\nport = "eighty"\n[database]\nurl_env = "NOT_SET"\n')

    assert mistakes_of(path, PORT="9000", DATABASE_URL="postgresql://db/x") == {
        "server.port": 'must be a whole number such as 8, not "eighty"'
    }


def test_a_new_secret_in_the_old_place_is_known_and_not_told(tmp_path: Path) -> None:
    file = tmp_path / "token"
    settings = TrainSettings(
        kind="train", name="one", base_url="https://ci.example.com", token=SecretSource(file=file, environ={})
    )

    file.write_text("the-first-secret")
    first = secret_prints(settings)
    file.write_text("the-second-secret")
    second = secret_prints(settings)
    file.unlink()

    assert first != second
    assert "secret" not in f"{first}{second}"
    assert secret_prints(settings) == ()
    assert secret_prints(None) == ()
