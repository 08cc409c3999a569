"""Which addresses are never connected to, however they are written, and what is said instead."""

import pytest

from shared.errors import Unavailable
from shared.http.addresses import ForbiddenAddressError, allowed, is_forbidden
from shared.http.client import Client
from tests.shared.http.stand import QUICK, TOKEN


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fe80::a9fe:a9fe%2",
        "fd00:ec2::254",
        "fd20:ce::254",
        "ff02::1",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::ffff:0:0",
    ],
)
def test_nobody_is_asked_where_machines_keep_credentials_or_nobody_is(address: str) -> None:
    assert is_forbidden(address)


@pytest.mark.parametrize(
    "address",
    [
        "140.82.121.6",
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.10",
        "100.64.0.1",
        "169.253.255.255",
        "::1",
        "2a0a:a440::1",
        "fd12:3456::1",
        "::ffff:10.1.2.3",
        "64:ff9b::8c52:7906",
    ],
)
def test_a_provider_may_stand_anywhere_else_private_networks_included(address: str) -> None:
    assert not is_forbidden(address)


def test_a_name_with_several_addresses_is_asked_at_the_allowed_ones() -> None:
    assert allowed("ci.test", ["fe80::1%2", "10.1.2.3", "169.254.169.254"]) == ["10.1.2.3"]


def test_a_name_that_leads_only_where_nobody_may_be_asked_is_refused_in_words() -> None:
    with pytest.raises(
        ForbiddenAddressError, match=r"^ci\.test leads to 169\.254\.169\.254, where no provider .* was not asked; check"
    ):
        allowed("ci.test", ["169.254.169.254"])


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]"])
def test_the_client_refuses_an_address_that_is_written_out(host: str) -> None:
    with Client(f"http://{host}", TOKEN, limits=QUICK) as client:
        with pytest.raises(Unavailable, match=r"leads to .* was not asked"):
            client.get_json("/latest/meta-data")
        with pytest.raises(Unavailable, match=r"leads to .* was not asked"):
            client.find_host()
