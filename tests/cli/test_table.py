"""What commands print for programs: one document, which does not command the terminal it may end up on."""

import json

import pytest

from cli.table import print_json


def test_what_could_command_a_terminal_stands_escaped_and_means_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    branch = "\x1b[31m\x9b2J\u202egnp.exe\u2066 \ud800 ä 検索 🚀"

    print_json({"branch": branch})

    printed = capsys.readouterr().out
    assert not set("\x1b\x9b\u202e\u2066\ud800") & set(printed)
    assert "ä 検索 🚀" in printed
    assert json.loads(printed) == {"branch": branch}
