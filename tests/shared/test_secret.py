"""A secret is read where it is named, masked where it shows, and its absence is told in words."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.secret import LARGEST_BYTES, SecretSource, SecretUnavailable, fingerprint


def test_no_name_means_no_secret() -> None:
    assert SecretSource().read() is None


def test_a_variable_is_read_without_the_spaces_around_it() -> None:
    secret = SecretSource(env="TOKEN", environ={"TOKEN": " top-secret\n"}).read()

    assert secret == SecretStr("top-secret")
    assert "top-secret" not in f"{secret!r} {secret}"


def test_a_variable_that_is_not_set_falls_back_to_the_file_of_its_name(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-a-file\n")

    secret = SecretSource(env="TOKEN", environ={"TOKEN": "", "TOKEN_FILE": str(file)}).read()

    assert secret == SecretStr("from-a-file")


def test_a_file_is_read_anew_each_time_so_that_a_rotated_secret_is_used(tmp_path: Path) -> None:
    file = tmp_path / "token"
    source = SecretSource(file=file)

    file.write_text("the-first-one")
    first = source.read()
    file.write_text("the-second-one")

    assert (first, source.read()) == (SecretStr("the-first-one"), SecretStr("the-second-one"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "not text in UTF-8"),
        (b"one\ntwo", "line break"),
        (b"one\x00two", "control character"),
        (b"x" * (LARGEST_BYTES + 1), "too large"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused_without_showing_what_it_holds(
    tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)

    with pytest.raises(SecretUnavailable, match=words) as caught:
        SecretSource(file=file).read()

    assert str(file) in str(caught.value)
    assert "two" not in str(caught.value)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretUnavailable, match="TOKEN is not set; set it, or TOKEN_FILE"):
        SecretSource(env="TOKEN", environ={}).read()
    with pytest.raises(SecretUnavailable, match="none cannot be read: No such file"):
        SecretSource(file=tmp_path / "none").read()
    with pytest.raises(SecretUnavailable, match="Is a directory"):
        SecretSource(file=tmp_path).read()


def test_a_source_shows_its_names_and_not_the_environment() -> None:
    source = SecretSource(env="TOKEN", environ={"TOKEN": "top-secret"})

    assert repr(source) == "SecretSource(env='TOKEN', file=None)"
    assert source == SecretSource(env="TOKEN", environ={})


def test_a_fingerprint_knows_a_credential_again_and_tells_nothing() -> None:
    one, same, other = (fingerprint(SecretStr(text)) for text in ("top-secret", "top-secret", "top-secret2"))

    assert one == same != other
    assert len(one) == 16
