from __future__ import annotations

import pytest

from backoffice.kit.addresses import client_address, is_within, parse_networks

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        (None, 0, "10.0.0.1"),
        (None, 1, "10.0.0.1"),
        ("203.0.113.7", 0, "10.0.0.1"),
        ("203.0.113.7", 1, "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7", 1, "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7,10.0.0.2", 2, "203.0.113.7"),
        ("203.0.113.7", 2, "10.0.0.1"),
        ("", 1, "10.0.0.1"),
        (",,", 1, "10.0.0.1"),
    ],
)
def test_so_many_proxies_are_believed_and_no_more(forwarded, proxies, address):
    environ = {"REMOTE_ADDR": "10.0.0.1"}
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    assert client_address(environ, proxies=proxies) == address


@pytest.mark.parametrize(
    ("address", "within"),
    [
        ("203.0.113.7", True),
        ("203.0.113.7:4711", True),
        ("::ffff:203.0.113.7", True),
        ("2001:db8::1", True),
        ("[2001:db8::1]:443", True),
        ("[2001:db8::1]", True),
        ("203.0.114.7", False),
        ("2001:db9::1", False),
        ("unknown", False),
        ("", False),
        ("203.0.113.7.evil.example", False),
    ],
)
def test_address_is_within_a_list_however_a_proxy_writes_it(address, within):
    networks = parse_networks("203.0.113.0/24\n2001:db8::/32")
    assert is_within(address, networks) == within


def test_a_host_in_a_network_stands_for_the_network():
    assert is_within("203.0.113.9", parse_networks("203.0.113.7/24"))


def test_list_with_a_word_that_is_no_network_is_refused():
    with pytest.raises(ValueError, match="nowhere"):
        parse_networks("203.0.113.7, nowhere")
