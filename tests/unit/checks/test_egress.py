from __future__ import annotations

import pytest

from harbor_operator.checks.egress import check_host, check_url, describe_proxy_failure
from harbor_operator.model.egress import AllowedHosts, Proxy
from harbor_operator.reasons import Reason

HOSTS = AllowedHosts.parse("cr.example.com, [fd00::1]:5432")
LOGIN = "user:s3cr3t"
SOURCE = "`spec.database.host`"


def test_a_host_that_is_not_allowed_is_named_with_the_remedy() -> None:
    """Finding S6."""
    assert check_host(HOSTS, SOURCE, "fd00::1", 5432) is None
    blocked = check_host(HOSTS, SOURCE, "fd00::2", 5432)
    assert blocked is not None
    assert blocked.reason is Reason.HOST_NOT_ALLOWED
    assert blocked.message.startswith("`spec.database.host` names host '[fd00::2]:5432', which is not an allowed host")
    assert "allowed: cr.example.com, [fd00::1]:5432" in blocked.message
    assert "`HARBOR_OPERATOR_ALLOWED_HOSTS`" in blocked.message


@pytest.mark.parametrize("url", ["https://cr.example.com", "http://CR.example.com:8080/x"])
def test_an_allowed_url(url: str) -> None:
    assert check_url(HOSTS, SOURCE, url) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://cr.example.com.evil.example",
        "https://cr.example.com@evil.example",
        "https://evil.example/cr.example.com",
        "https://[fd00::1]",
        "https://cr.example.com:port",
        "https://169.254.169.254/latest",
        "",
    ],
)
def test_another_url_is_refused(url: str) -> None:
    hosts = AllowedHosts.parse("cr.example.com:443, [fd00::1]:5432")
    assert check_url(hosts, SOURCE, url) is not None
    assert check_url(AllowedHosts(), SOURCE, url) is None


def test_a_failure_of_the_proxy_is_reported_with_its_remedy() -> None:
    proxy = Proxy.parse(f"http://{LOGIN}@proxy:3128")
    assert proxy is not None
    message = describe_proxy_failure(proxy, "requires a login (HTTP 407)")
    assert message.startswith("the proxy 'proxy:3128' requires a login")
    assert "`NO_PROXY`" in message
    assert "s3cr3t" not in message
