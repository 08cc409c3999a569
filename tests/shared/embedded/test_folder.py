"""The folder of the private Postgres: what is not ours is refused in words and left alone."""

import os
import stat
from pathlib import Path

import psycopg
import pytest

from shared.embedded.account import choose_account
from shared.embedded.folder import Claim, Folder
from shared.embedded.server import Server
from shared.errors import CannotStart

STOCK = Path("/usr/lib/postgresql/15/bin")

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
has_stock = pytest.mark.skipif(not STOCK.exists(), reason="no stock PostgreSQL 15 on this machine")


def ask(server: Server, question: str) -> str:
    with psycopg.connect(server.url) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return str(row[0])


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_second_start_on_the_same_folder_is_refused_with_the_first_ones_process(place: Path) -> None:
    with Server(place / "data") as server:
        with pytest.raises(CannotStart, match=f"in use by the Build Observatory that runs as process {os.getpid()}"):
            Server(place / "data").start()

        assert ask(server, "SELECT 1") == "1"


def test_a_folder_with_other_peoples_files_is_refused_and_left_alone(place: Path) -> None:
    folder = place / "photos"
    folder.mkdir(mode=0o755)
    (folder / "cat.jpg").touch()

    with pytest.raises(CannotStart, match=r"photos is not Build Observatory's: .*but cat\.jpg"):
        Server(folder).start()

    assert [path.name for path in folder.iterdir()] == ["cat.jpg"]
    assert mode_of(folder) == 0o755


@is_root
def test_a_folder_of_another_account_is_refused(place: Path) -> None:
    (place / "theirs").mkdir()
    os.chown(place / "theirs", 12345, 12345)

    with pytest.raises(CannotStart, match="belongs to uid 12345, and this process runs as uid 0"):
        Server(place / "theirs").start()


@is_root
def test_a_folder_the_account_cannot_reach_is_refused_and_no_permission_changed(place: Path) -> None:
    (place / "closed").mkdir(mode=0o700)

    with pytest.raises(CannotStart, match=f"The account {choose_account(None).name}.* cannot reach") as refused:
        Server(place / "closed/data").start()

    assert "/var/lib" in refused.value.cure
    assert mode_of(place / "closed") == 0o700


def test_a_folder_everybody_may_write_into_is_refused(place: Path) -> None:
    (place / "open").mkdir()
    (place / "open").chmod(0o777)

    with pytest.raises(CannotStart, match="Everybody on this machine may write"):
        Server(place / "open").start()


@has_stock
def test_a_database_of_another_major_version_is_refused_with_the_way_out(place: Path) -> None:
    with Server(place / "data", binaries=STOCK):
        pass

    with pytest.raises(CannotStart, match=r"was made by PostgreSQL 15, and the installed one is PostgreSQL 18") as old:
        Server(place / "data").start()

    assert "Dump it with PostgreSQL 15" in old.value.cure


def test_data_that_belongs_to_root_or_to_a_stranger_is_refused() -> None:
    us = os.geteuid()

    with pytest.raises(CannotStart, match="The database files belong to"):
        choose_account(0 if us == 0 else us + 1)


@is_root
def test_an_owner_without_an_entry_in_the_user_database_is_told_so() -> None:
    with pytest.raises(CannotStart, match="uid 54321 has no entry"):
        choose_account(54321)


def test_a_folder_too_deep_for_a_socket_has_it_in_a_short_private_place(place: Path) -> None:
    deep = place / ("a" * 60) / ("b" * 60)
    with Server(deep) as server:
        socket = Path(ask(server, "SHOW unix_socket_directories").strip('"'))
        mode = mode_of(socket)

    assert (mode, socket.exists()) == (0o700, False)
    assert deep not in socket.parents


def test_a_start_that_was_killed_while_it_marked_the_folder_keeps_nobody_out(place: Path) -> None:
    folder = place / "data"
    folder.mkdir(mode=0o700)
    (folder / "build-observatory.draft").write_text('{"made_')

    with Claim(Folder(folder)):
        assert (folder / "build-observatory.json").exists()
        assert not (folder / "build-observatory.draft").exists()
