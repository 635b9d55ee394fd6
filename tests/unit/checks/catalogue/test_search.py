"""Problems found by what a person or a log says."""

from __future__ import annotations

import pytest

from harbor_operator.checks.catalogue import ALERTS
from harbor_operator.checks.catalogue.search import find, problems, recognize


@pytest.mark.parametrize(
    ("query", "heading"),
    [
        ("CacheIsCluster", "CacheIsCluster"),
        ("cacheiscluster", "CacheIsCluster"),
        ("HarborPullSecretsFailed", "NamespacesFailed"),
        ("HarborOperatorAbsent", "HarborOperatorAbsent"),
        ("blob upload invalid", "StorageBodyLimit"),
        ("denied: requested access to the resource is denied", "PushDenied"),
        ("2019/09/19 15:28:41 [E] [server.go:2774] MOVED 5089 192.168.64.117:6379", "CacheIsCluster"),
        ("x509: certificate is valid for a.example, b.example, not cr.example.com", "CertificateHostMismatch"),
        ("docker login goes to another address", "TokenServiceMismatch"),
        ("no basic auth", "PullWithoutCredential"),
    ],
)
def test_a_problem_is_found(query: str, heading: str) -> None:
    assert heading in find(query)


@pytest.mark.parametrize("query", ["", "   ", "a", "bicycle in another city tomorrow"])
def test_nothing_is_found(query: str) -> None:
    assert find(query) == []


def test_a_text_that_two_problems_share_finds_both() -> None:
    assert find("blob upload invalid") == ["StorageBodyLimit", "HttpSecretChanged"]
    assert find("0 B") == ["StorageDataMissing", "S3ListingTruncated"]


def test_a_push_without_a_login_is_explained() -> None:
    """The text is that of skopeo."""
    text = "trying to reuse blob sha256:0a at destination: checking whether a blob sha256:0a exists in cr.example.com"
    assert "PushDenied" in recognize(f"{text}/team-a/app: unauthorized: authentication required")
    problem = problems()["PushDenied"]
    assert "the client has no login for that host" in problem.cause
    assert "`docker login HOST[:PORT]`" in problem.remedy


def test_a_line_is_recognized_by_its_text_only() -> None:
    line = 'level=error msg="upload resumed at wrong offest: 0 != 5242880" vars.name=team-a/app'
    assert recognize(line) == ("StorageBodyLimit",)
    assert recognize("the certificate of the registry was renewed") == ()


def test_every_text_is_recognized_in_a_line() -> None:
    for heading, problem in problems().items():
        for text in problem.texts:
            assert heading in recognize(f"2026-01-01T12:00:00Z [ERROR] {text.replace('…', 'some words')} end"), text


def test_a_text_is_specific() -> None:
    """A short one would be in lines that have nothing to do with the problem."""
    assert [text for problem in problems().values() for text in problem.texts if len(text) < 10] == []


def test_every_alert_is_found_by_its_name() -> None:
    assert all(find(alert) for alert in ALERTS)
