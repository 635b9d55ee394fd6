"""The names that image references use for a Harbor."""

from __future__ import annotations

import pytest

from harbor_operator.kubectl.registries import image_hosts


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://cr.example.com", "cr.example.com"),
        ("https://CR.example.com:443/", "cr.example.com"),
        ("https://cr.example.com:8443", "cr.example.com:8443"),
        ("http://cr.example.com:80", "cr.example.com"),
        ("https://[2001:DB8::1]:8443", "[2001:db8::1]:8443"),
    ],
)
def test_the_host_is_as_in_image_references(url: str, host: str) -> None:
    assert image_hosts({"spec": {"externalURL": url}}) == (host,)


def test_further_hosts_follow() -> None:
    spec = {"externalURL": "https://cr.example.com", "pullSecrets": {"extraHosts": ["CR2.example.com:8443"]}}
    assert image_hosts({"spec": spec}) == ("cr.example.com", "cr2.example.com:8443")
