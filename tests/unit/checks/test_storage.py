from __future__ import annotations

import pytest

from harbor_operator.checks.storage import MIB, check_storage_url, error_code, explain_admin_error, explain_store_error
from harbor_operator.model.outcomes import Blocked, Unknown
from harbor_operator.model.storage import Operation, StoreError
from harbor_operator.reasons import Reason


@pytest.mark.parametrize(
    ("auth_url", "storage_url"),
    [
        ("https://s3.example.com/auth/v1.0", "https://s3.example.com/swift/v1"),
        ("https://s3.example.com:443/auth", "https://S3.Example.Com./swift/v1/AUTH_harbor"),
        ("http://rgw.rook:80/auth/1.0", "http://rgw.rook/swift/v1"),
        ("https://gw.example.com/ceph/auth/v1", "https://gw.example.com:443/ceph/swift/v1"),
        ("http://127.0.0.1:8080/auth/v1.0", "http://127.0.0.1:8080/v1/AUTH_u"),
        ("http://[::1]:8080/auth/v1.0", "http://[::1]:8080/swift/v1"),
        ("http://[fd00:0:0::1]:8080/auth/v1.0", "http://[FD00::1]:8080/swift/v1"),
    ],
)
def test_a_storage_url_that_leads_back_is_fine(auth_url: str, storage_url: str) -> None:
    assert check_storage_url(auth_url, storage_url) is None


@pytest.mark.parametrize(
    ("storage_url", "words"),
    [
        ("http://s3.example.com:443/swift/v1", "the scheme is 'http' and must be 'https'"),
        ("https://s3.example.com:7480/swift/v1", "the port is '7480' and must be '443'"),
        ("https://rgw.internal/swift/v1", "the host is 'rgw.internal' and must be 's3.example.com'"),
        ("https://s3.example.com//swift/v1", "double slash, from a trailing slash"),
        ("https://s3.example.com/swift/v1", "must start with '/ceph/'"),
        ("https://s3.example.com:many/ceph/swift/v1", "the port is 'not a number'"),
        ("nonsense", "the scheme is ''"),
    ],
)
def test_a_storage_url_that_leads_elsewhere_names_part_and_remedy(storage_url: str, words: str) -> None:
    auth_url = "https://s3.example.com/ceph/auth/v1.0"

    finding = check_storage_url(auth_url, storage_url)

    assert finding is not None
    assert finding.reason is Reason.STORAGE_URL_MISMATCH
    remedy = "`rgw swift url = https://s3.example.com`"
    for expected in ("X-Storage-Url", auth_url, storage_url, words, remedy, "restart radosgw", "rgwCommandFlags"):
        assert expected in finding.message


def store_error(operation: Operation, status: int, **more: object) -> StoreError:
    return StoreError(operation, status, "https://s3/x", "harbor:swift", "swift", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("observed", "reason", "words"),
    [
        (
            store_error(Operation.LOGIN, 401),
            Reason.STORAGE_CREDENTIALS_REJECTED,
            "refused the key of user 'harbor:swift'",
        ),
        (store_error(Operation.LOGIN, 403), Reason.STORAGE_CREDENTIALS_REJECTED, "does not know user 'harbor:swift'"),
        (store_error(Operation.LOGIN, 301, location="http://s3/auth"), Reason.STORAGE_URL_MISMATCH, "redirect to"),
        (store_error(Operation.LOGIN, 404), Reason.STORAGE_UNREACHABLE, "`spec.storage.swift.authURL`"),
        (store_error(Operation.CONTAINER, 409), Reason.STORAGE_CONTAINER_REFUSED, "belongs to another user"),
        (
            store_error(Operation.CONTAINER, 400, code="InvalidBucketName"),
            Reason.STORAGE_CONTAINER_REFUSED,
            "InvalidBucketName",
        ),
        (store_error(Operation.WRITE, 413, size=21 * MIB), Reason.STORAGE_BODY_LIMIT, "21 MiB"),
        (store_error(Operation.WRITE, 413, size=25), Reason.STORAGE_BODY_LIMIT, "25 bytes"),
        (
            store_error(Operation.WRITE, 413, size=MIB, from_store=True),
            Reason.STORAGE_QUOTA_EXCEEDED,
            "raise the quota",
        ),
        (store_error(Operation.WRITE, 507), Reason.STORAGE_QUOTA_EXCEEDED, "no room"),
        (
            store_error(Operation.READ, 404),
            Reason.STORAGE_PROBE_FAILED,
            "reading at 'https://s3/x' was answered with 404",
        ),
        (store_error(Operation.LIST, 401), Reason.STORAGE_PROBE_FAILED, "the new token is unknown"),
        (store_error(Operation.REMOVE, 403), Reason.STORAGE_PROBE_FAILED, "deleting"),
    ],
)
def test_each_error_has_its_reason_and_text(observed: StoreError, reason: Reason, words: str) -> None:
    finding = explain_store_error(observed)

    assert isinstance(finding, Blocked)
    assert finding.reason is reason
    assert words in finding.message


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_temporary_error_is_retried(status: int) -> None:
    finding = explain_store_error(store_error(Operation.LOGIN, status))

    assert isinstance(finding, Unknown)
    assert finding.reason is Reason.STORAGE_UNREACHABLE


def test_a_large_body_interrupted_by_a_gateway_points_at_the_proxies() -> None:
    assert "while 21 MiB were sent" in explain_store_error(store_error(Operation.WRITE, 502, size=21 * MIB)).message


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"QuotaExceeded", "QuotaExceeded"),
        (b'{"Code":"NoSuchUser","Message":""}', "NoSuchUser"),
        (b"<?xml?><Error><Code>AccessDenied</Code></Error>", "AccessDenied"),
        (b"<html><center>nginx</center></html>", ""),
        (b"Dear user, your key hunter2 is wrong", ""),
        (b"", ""),
        (b"\xff\xfe", ""),
    ],
)
def test_only_the_word_for_an_error_is_taken_from_a_body(body: bytes, code: str) -> None:
    assert error_code(body) == code


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("InvalidAccessKeyId", "`accessKey` in Secret 'rgw-admin'"),
        ("SignatureDoesNotMatch", "`secretKey` in Secret 'rgw-admin'"),
        ("AccessDenied", "users=*"),
        ("RequestTimeTooSkewed", "clocks"),
        ("", "admin in `rgw enable apis`"),
    ],
)
def test_each_admin_error_has_its_text(code: str, words: str) -> None:
    finding = explain_admin_error(403, code, "http://rgw", "rgw-admin")

    assert isinstance(finding, Blocked)
    assert finding.reason is Reason.STORAGE_PROVISIONING_REFUSED
    assert words in finding.message


def test_a_busy_admin_api_is_retried() -> None:
    assert isinstance(explain_admin_error(503, "SlowDown", "http://rgw", "rgw-admin"), Unknown)
