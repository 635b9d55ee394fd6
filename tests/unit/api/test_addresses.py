from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from harbor_operator.api.addresses import ExternalUrl, Host, HostPort, HttpUrl, join_host_port, split_host_port

EXTERNAL_URL = TypeAdapter[str](ExternalUrl)
HOST = TypeAdapter[str](Host)
HOST_PORT = TypeAdapter[str](HostPort)
HTTP_URL = TypeAdapter[str](HttpUrl)
HOSTS = st.one_of(st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True), st.ip_addresses().map(str))


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://cr.example.com/", "https://cr.example.com"),
        ("https://CR.Example.com", "https://cr.example.com"),
        ("https://cr.example.com:443", "https://cr.example.com"),
        ("http://cr.example.com:80/", "http://cr.example.com"),
        ("https://cr.example.com:80", "https://cr.example.com:80"),
        ("https://cr.example.com:8443", "https://cr.example.com:8443"),
        ("https://cr.example.com:4443", "https://cr.example.com:4443"),
        ("https://[FD00::1]", "https://[fd00::1]"),
        ("https://[fd00::1]:443", "https://[fd00::1]"),
        ("https://[fd00::443]:8443/", "https://[fd00::443]:8443"),
    ],
)
def test_an_external_url_has_one_normal_form(url: str, normal: str) -> None:
    """Finding F5."""
    assert EXTERNAL_URL.validate_python(url) == normal
    assert EXTERNAL_URL.validate_python(normal) == normal


@pytest.mark.parametrize(
    "url",
    [
        "https://cr.example.com/harbor",
        "https://user@cr.example.com",
        "https://[fd00::1",
        "https://fd00::1",
        "https://[1:2]",
        "https://cr.example.com:0",
        "https://cr.example.com:65536",
    ],
)
def test_an_external_url_is_scheme_host_and_port(url: str) -> None:
    with pytest.raises(ValidationError):
        EXTERNAL_URL.validate_python(url)


@pytest.mark.parametrize(
    ("host", "normal"),
    [
        ("pg.example.com", "pg.example.com"),
        ("10.0.0.1", "10.0.0.1"),
        ("fd00::1", "fd00::1"),
        ("[fd00::1]", "fd00::1"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
    ],
)
def test_a_host_is_a_name_or_a_bare_address(host: str, normal: str) -> None:
    assert HOST.validate_python(host) == normal


@pytest.mark.parametrize("host", ["", "pg:5432", "[pg]:5432", "a@b", "/var/run", "1:2", "[fd00::1"])
def test_a_host_contains_no_port(host: str) -> None:
    with pytest.raises(ValidationError):
        HOST.validate_python(host)


@pytest.mark.parametrize("text", ["redis:6379", "10.0.0.1:6379", "[fd00::1]:6379"])
def test_a_host_with_a_port_keeps_its_brackets(text: str) -> None:
    assert HOST_PORT.validate_python(text) == text


@pytest.mark.parametrize("text", ["redis", "fd00::1:6379", "[1:2]:6379", "redis:0", "redis:65536", "u:p@redis:6379"])
def test_a_host_with_a_port_is_refused_if_it_is_ambiguous(text: str) -> None:
    with pytest.raises(ValidationError):
        HOST_PORT.validate_python(text)


def test_a_backend_url_contains_no_login() -> None:
    assert HTTP_URL.validate_python("https://[fd00::1]:8443/auth/v1.0") == "https://[fd00::1]:8443/auth/v1.0"
    with pytest.raises(ValidationError):
        HTTP_URL.validate_python("https://user:password@s3.example.com/auth/v1.0")


@given(host=HOSTS, port=st.integers(1, 65535))
def test_split_reverses_join(host: str, port: int) -> None:
    assert split_host_port(join_host_port(host, port)) == (host, port)
