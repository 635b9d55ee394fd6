from __future__ import annotations

import pytest

from harbor_operator.checks.release import (
    check_features,
    check_internal_tls,
    failure_reason,
    foreign_release,
)
from harbor_operator.reasons import Reason


@pytest.mark.parametrize(
    "stderr", ["Error: UPGRADE FAILED: conflict occurred while applying object", "Error: no such host", ""]
)
def test_what_is_no_missing_right_is_a_failed_release(stderr: str) -> None:
    assert failure_reason(stderr) is Reason.RELEASE_FAILED


def test_a_foreign_release_is_named() -> None:
    assert "release 'cr' in namespace 'intra'" in foreign_release("cr", "intra").message


def test_fields_that_the_chart_does_not_support_are_listed() -> None:
    assert check_features([]) is None
    finding = check_features(["spec.cache.tls", "spec.cache.sentinelMaster"])
    assert finding
    assert "`spec.cache.tls` and `spec.cache.sentinelMaster`" in finding.message


@pytest.mark.parametrize("section", [{"enabled": True}, {"enabled": True, "certSource": "auto"}])
def test_internal_certificates_of_the_chart_are_refused(section: dict[str, object]) -> None:
    """Finding F2."""
    blocked = check_internal_tls(section)
    assert blocked is not None
    assert blocked.reason is Reason.VALUES_INVALID
    for word in ("`internalTLS.certSource`", "365 days", "`internalTLS.core.secretName`"):
        assert word in blocked.message


@pytest.mark.parametrize(
    "section",
    [
        None,
        {},
        {"enabled": False},
        {"enabled": True, "certSource": "secret"},
        {"enabled": True, "certSource": "manual"},
    ],
)
def test_other_internal_certificates_are_accepted(section: object) -> None:
    """Finding F2."""
    assert check_internal_tls(section) is None
