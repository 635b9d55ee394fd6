"""Which hosts an entry of a list covers."""

from __future__ import annotations

import pytest

from harbor_operator.model.hosts import parse_rule


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("pg.example.com", "pg.example.com", 5432),
        ("PG.example.com", "pg.EXAMPLE.com", 5432),
        ("pg.example.com:5432", "pg.example.com", 5432),
        ("pg.example.com:", "pg.example.com", 5432),
        ("*.example.com", "a.b.example.com", 1),
        (".example.com", "a.example.com", 1),
        ("*.example.com:443", "a.example.com", 443),
        ("10.1.2.3", "10.1.2.3", 1),
        ("10.1.2.3:80", "10.1.2.3", 80),
        ("10.0.0.0/8", "10.1.2.3", 1),
        ("10.1.2.3/8", "10.200.0.1", 1),
        ("10.0.0.0/8", "::ffff:10.1.2.3", 1),
        ("fd00::/8", "fd12::1", 1),
        ("fd00::1", "FD00:0::1", 1),
        ("[fd00::1]", "fd00::1", 1),
        ("[fd00::1]:80", "fd00::1", 80),
    ],
)
def test_a_host_is_covered(entry: str, host: str, port: int) -> None:
    rule = parse_rule(entry, name_covers_subdomains=False)
    assert rule is not None
    assert rule.matches(host, port)


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("example.com", "badexample.com", 1),
        ("example.com", "example.com.", 1),
        ("example.com", "a.example.com", 1),
        ("*.example.com", "example.com", 1),
        ("*.example.com", ".example.com", 1),
        ("*.example.com", "badexample.com", 1),
        ("pg.example.com:5432", "pg.example.com", 5433),
        ("10.1.2.3:80", "10.1.2.3", 81),
        ("10.0.0.0/8", "11.0.0.1", 1),
        ("10.0.0.0/8", "10.example.com", 1),
        ("10.1.2.3", "167838211", 1),
        ("fd00::1", "fd00::2", 1),
    ],
)
def test_another_host_is_not(entry: str, host: str, port: int) -> None:
    rule = parse_rule(entry, name_covers_subdomains=False)
    assert rule is not None
    assert not rule.matches(host, port)


@pytest.mark.parametrize(
    "entry",
    ["", ":80", "a b", "https://a", "a/b", "a:b", "a:99999", "10.0.0.0/33", "u:p@host", "[a", "a..b", "*", "a*"],
)
def test_another_text_is_no_rule(entry: str) -> None:
    assert parse_rule(entry, name_covers_subdomains=False) is None
