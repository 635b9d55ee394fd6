"""Allowed hosts, and the proxy of a URL as Go chooses it."""

from __future__ import annotations

import pytest

from harbor_operator.model.egress import UNRESTRICTED, AllowedHosts, Proxy, ProxyRules

LOGIN = "user:s3cr3t"


@pytest.mark.parametrize("text", ["", " , ", "*", "a.example.com,*"])
def test_without_a_list_every_host_is_allowed(text: str) -> None:
    assert AllowedHosts.parse(text).allows("anything", 1)
    assert UNRESTRICTED.hosts.allows("10.0.0.1", 5432)


def test_a_list_allows_what_it_names() -> None:
    hosts = AllowedHosts.parse("pg.example.com:5432, *.cache.example.com,10.0.0.0/8")
    assert hosts.allows("pg.example.com", 5432)
    assert hosts.allows("one.cache.example.com", 6379)
    assert hosts.allows("10.1.2.3", 1)
    assert not hosts.allows("pg.example.com", 22)
    assert not hosts.allows("cache.example.com", 6379)
    assert not hosts.allows("169.254.169.254", 80)
    assert hosts.text == "pg.example.com:5432, *.cache.example.com, 10.0.0.0/8"


@pytest.mark.parametrize("text", ["https://a", "a b", "u:p@a", ":80"])
def test_an_entry_that_is_no_host_is_counted(text: str) -> None:
    with pytest.raises(ValueError, match="entry 2 is neither") as error:
        AllowedHosts.parse(f"a,{text}")
    assert text not in str(error.value)


# The table `UseProxyTests` of golang.org/x/net/http/httpproxy (proxy_test.go), with its NO_PROXY.
GO_NO_PROXY = "foobar.com, .barbaz.net, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30, 2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64"  # noqa: E501 - a quotation
GO_USE_PROXY = {
    "localhost": False,
    "127.0.0.1": False,
    "127.0.0.2": False,
    "[::1]": False,
    "[::2]": True,
    "192.168.1.1": False,
    "192.168.1.2": True,
    "192.168.1.3": False,
    "192.168.1.4": True,
    "10.0.0.2": False,
    "[2001:db8::52:0:1]": False,
    "[2001:db8::52:0:2]": True,
    "[2001:db8::52:0:3]": False,
    "[2002:db8:a::123]": False,
    "[fe80::424b:c8be:1643:a1b6]": True,
    "barbaz.net": True,
    "www.barbaz.net": False,
    "foobar.com": False,
    "www.foobar.com": False,
    "foofoobar.com": True,
    "baz.com": True,
    "localhost.net": True,
    "local.localhost": True,
    "barbarbaz.net": True,
}


@pytest.mark.parametrize("host", GO_USE_PROXY)
def test_a_proxy_is_used_as_by_go(host: str) -> None:
    """Finding F8."""
    rules = ProxyRules.parse("http://proxy:3128", "", GO_NO_PROXY)
    assert (rules.proxy_of(f"http://{host}/") is not None) is GO_USE_PROXY[host]


@pytest.mark.parametrize(
    ("no_proxy", "url", "is_used"),
    [
        ("*", "https://cr.example.com", False),
        ("a,*", "https://cr.example.com", False),
        ("*.example.com", "https://cr.example.com", False),
        ("*.example.com", "https://example.com", True),
        ("cr.example.com:443", "https://cr.example.com", False),
        ("cr.example.com:443", "https://cr.example.com:8443", True),
        ("CR.Example.COM", "https://cr.example.com", False),
        (" cr.example.com , x", "https://cr.example.com", False),
        (":443,/,a b", "https://cr.example.com", True),
        ("", "https://cr.example.com", True),
    ],
)
def test_no_proxy(no_proxy: str, url: str, is_used: bool) -> None:
    assert (ProxyRules.parse("", "http://proxy:3128", no_proxy).proxy_of(url) is not None) is is_used


def test_each_scheme_has_its_own_proxy() -> None:
    rules = ProxyRules.parse("http://one:80", "two:81", "")
    plain, tls = rules.proxy_of("http://a"), rules.proxy_of("https://a")
    assert plain is not None
    assert tls is not None
    assert (plain.address, tls.address) == ("one:80", "two:81")
    assert tls.url.get_secret_value() == "http://two:81"
    assert ProxyRules.parse("http://one:80", "", "").proxy_of("https://a") is None
    assert ProxyRules().proxy_of("http://a") is None


def test_a_proxy_shows_no_login() -> None:
    proxy = Proxy.parse(f"http://{LOGIN}@[fd00::1]:3128")
    assert proxy is not None
    assert proxy.address == "[fd00::1]:3128"
    assert "s3cr3t" not in repr(proxy)


@pytest.mark.parametrize(
    "text", ["socks5://p:1", "https://p:1", "http://", f"http://{LOGIN}@p:port", "http://p p", "//p"]
)
def test_an_invalid_proxy_is_refused_without_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="neither an http:// URL nor host:port") as error:
        Proxy.parse(text)
    assert "s3cr3t" not in str(error.value)
