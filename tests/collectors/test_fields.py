"""Which links of a payload are shown: those of the provider's own host, told without taking most of them apart."""

import pytest

from collectors.fields import is_link_to

HOST = "ci.example.com"


@pytest.mark.parametrize(
    "url",
    [
        "https://ci.example.com/team/app/runs/1",
        "http://ci.example.com/team/app/runs/1",
        "https://ci.example.com",
        "https://ci.example.com?run=1",
        "https://ci.example.com:8443/runs/1",
        "HTTPS://CI.example.com/runs/1",
    ],
)
def test_a_link_to_the_host_is_one_in_every_notation(url: str) -> None:
    assert is_link_to(url, HOST)


@pytest.mark.parametrize(
    "url",
    [
        "https://ci.example.com.evil.example/runs/1",
        "https://ci.example.com@evil.example/runs/1",
        "https://someone@ci.example.com/runs/1",
        "https://someone:secret@ci.example.com/runs/1",
        "https://evil.example/https://ci.example.com/",
        "https://ci.example.com\\@evil.example/",
        "https://ci.example.com/a b",
        "https://ci.example.com/\u202egnp",
        "javascript://ci.example.com/%0aalert(1)",
        "ftp://ci.example.com/runs/1",
        "//ci.example.com/runs/1",
        "https:///runs/1",
        "https://[ci.example.com/runs/1",
        f"https://ci.example.com/{'x' * 2_048}",
    ],
)
def test_a_link_that_only_looks_like_one_to_the_host_is_none(url: str) -> None:
    assert not is_link_to(url, HOST)


@pytest.mark.parametrize("host", [None, ""])
def test_without_a_host_no_link_leads_to_it(host: str | None) -> None:
    assert not is_link_to("https:///runs/1", host)
    assert not is_link_to("https://ci.example.com/runs/1", host)
