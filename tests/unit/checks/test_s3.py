from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.checks.s3 import check_redirect, check_settings, explain_s3_error, settings_warnings
from harbor_operator.model.outcomes import Blocked, Unknown
from harbor_operator.model.s3 import BucketSettings, S3Error, S3Operation
from harbor_operator.reasons import Reason
from tests.unit.plan.test_storage_s3 import desired


def error(**more: Any) -> S3Error:
    url = "https://s3.example.com/harbor"
    parts = {"operation": S3Operation.WRITE, "url": url, "bucket": "harbor", "secret": "s3", "from_store": True}
    return S3Error(**{**parts, **more})


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        ({"status": 403, "code": "RequestTimeTooSkewed"}, Reason.STORAGE_CLOCK_SKEWED, "15 minutes"),
        (
            {"status": 400, "code": "AuthorizationHeaderMalformed", "region": "eu-1"},
            Reason.STORAGE_REGION_MISMATCH,
            "eu-1",
        ),
        ({"status": 301, "code": "PermanentRedirect"}, Reason.STORAGE_REGION_MISMATCH, "another region"),
        ({"status": 307, "location": "http://x/", "region": "eu-1"}, Reason.STORAGE_REGION_MISMATCH, "eu-1"),
        ({"status": 307, "location": "http://x/"}, Reason.STORAGE_URL_MISMATCH, "redirect to 'http://x/'"),
        ({"status": 404, "code": "NoSuchBucket"}, Reason.STORAGE_BUCKET_MISSING, "does not exist"),
        ({"status": 403, "code": "InvalidAccessKeyId"}, Reason.STORAGE_CREDENTIALS_REJECTED, "unknown"),
        ({"status": 403, "code": "SignatureDoesNotMatch"}, Reason.STORAGE_CREDENTIALS_REJECTED, "Host header"),
        ({"status": 403, "code": "AccessDenied"}, Reason.STORAGE_ACCESS_DENIED, "'s3:PutObject'"),
        (
            {"status": 403, "code": "InvalidAccessKeyId", "is_about_kms": True, "kms_key_id": "images"},
            Reason.STORAGE_KEY_REFUSED,
            "refuses key 'images' for 's3:PutObject'",
        ),
        ({"status": 403, "code": "AccessDenied", "is_about_kms": True}, Reason.STORAGE_KEY_REFUSED, "kms:Decrypt"),
        (
            {"status": 501, "code": "NotImplemented", "encrypts": True},
            Reason.STORAGE_PROBE_FAILED,
            "cannot copy encrypted objects",
        ),
        ({"status": 400, "encrypts": True}, Reason.STORAGE_PROBE_FAILED, "`rgw_trust_forwarded_https`"),
        ({"status": 409, "code": "BucketAlreadyExists"}, Reason.STORAGE_CONTAINER_REFUSED, "another user"),
        ({"status": 403, "code": "QuotaExceeded", "size": 9 << 20}, Reason.STORAGE_QUOTA_EXCEEDED, "9 MiB"),
        ({"status": 400, "code": "EntityTooLarge"}, Reason.STORAGE_BODY_LIMIT, "chunkSizeMiB"),
        ({"status": 413, "from_store": False, "size": 9 << 20}, Reason.STORAGE_BODY_LIMIT, "9 MiB"),
        ({"status": 400, "code": "XAmzContentSHA256Mismatch"}, Reason.STORAGE_PROBE_FAILED, "changes bodies"),
        ({"status": 403, "code": "SecondLevelDomainForbidden"}, Reason.STORAGE_URL_MISMATCH, "path-style"),
        ({"status": 501, "code": "NotImplemented"}, Reason.STORAGE_PROBE_FAILED, "`storageClass`"),
        ({"status": 403, "from_store": False}, Reason.STORAGE_PROBE_FAILED, "without an error of S3"),
    ],
)
def test_an_error_has_a_reason_and_a_remedy(answer: dict[str, Any], reason: Reason, words: str) -> None:
    found = explain_s3_error(error(**answer))
    assert isinstance(found, Blocked)
    assert found.reason is reason
    assert words in found.message


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 503, "code": "SlowDown"},
        {"status": 502},
        {"status": 429},
        {"status": 500, "code": "KMS.KMSInternalException", "is_about_kms": True},
    ],
)
def test_what_passes_is_tried_again(answer: dict[str, Any]) -> None:
    found = explain_s3_error(error(**answer, size=20 << 20))
    assert isinstance(found, Unknown)
    assert found.reason is Reason.STORAGE_UNREACHABLE
    assert "20 MiB were sent" in found.message


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://rook-ceph-rgw.rook-ceph.svc",
        "https://rgw.rook-ceph.svc.cluster.local:8443",
        "http://rgw",
        "https://localhost:8443",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
    ],
)
def test_a_redirect_into_the_cluster_is_refused(endpoint: str) -> None:
    found = check_redirect(desired(endpoint=endpoint, redirect=True))
    assert found is not None
    assert found.reason is Reason.STORAGE_REDIRECT_UNREACHABLE
    assert check_redirect(desired(endpoint=endpoint)) is None


@pytest.mark.parametrize("endpoint", ["https://s3.example.com", "http://10.0.0.7:8080"])
def test_a_redirect_to_a_public_name_is_accepted(endpoint: str) -> None:
    assert check_redirect(desired(endpoint=endpoint, redirect=True)) is None


def test_harbor_1_9_is_refused_on_a_rados_gateway_only() -> None:
    found = check_settings(desired(), BucketSettings(is_rgw=True), "1.2.4")
    assert found is not None
    assert found.reason is Reason.S3_UNSUPPORTED
    assert "KeyCount" in found.message
    for settings, version in ((BucketSettings(), "1.2.4"), (BucketSettings(is_rgw=True), "1.3.0")):
        assert check_settings(desired(), settings, version) is None
    assert check_settings(desired(), BucketSettings(is_rgw=True), "") is None


def test_a_locked_bucket_is_refused_and_a_versioned_one_is_a_warning() -> None:
    locked, versioned = BucketSettings(keeps_versions=True, is_locked=True), BucketSettings(keeps_versions=True)
    found = check_settings(desired(), locked, "1.19.1")
    assert found is not None
    assert found.reason is Reason.STORAGE_BUCKET_LOCKED
    assert check_settings(desired(), versioned, "1.19.1") is None
    assert [warning.code for warning in settings_warnings(desired(), versioned)] == [Reason.STORAGE_BUCKET_VERSIONED]
    assert settings_warnings(desired(), BucketSettings()) == ()
