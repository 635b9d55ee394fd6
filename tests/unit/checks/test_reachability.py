from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.reachability import (
    body_limit_warnings,
    certificate_warnings,
    check_certificate,
    check_health,
    check_pull,
    check_upload,
    check_v2_response,
    describe_reached,
    origin,
)
from harbor_operator.model.reachability import (
    AnnouncedBody,
    BodyLimit,
    Certificate,
    Component,
    PullResult,
    TlsFault,
    UploadResult,
    V2Response,
)
from harbor_operator.reasons import Reason

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


def _registry(**spec: Any) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    return HarborRegistry.parse({"metadata": metadata, "spec": {"externalURL": "https://cr.example.com", **spec}})


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        (TlsFault.UNTRUSTED, Reason.CERTIFICATE_UNTRUSTED, ("`spec.caSecretRef`", "self-signed")),
        (
            TlsFault.HOST_MISMATCH,
            Reason.CERTIFICATE_HOST_MISMATCH,
            ("'a.example.com', 'b.example.com'", "'cr.example."),
        ),
        (TlsFault.EXPIRED, Reason.CERTIFICATE_EXPIRED, ("2026-11-22", "renew")),
    ],
)
def test_a_certificate_that_clients_refuse(fault: TlsFault, reason: Reason, words: tuple[str, ...]) -> None:
    observed = Certificate(
        ("a.example.com", "b.example.com"), NOON - timedelta(days=1), fault, "self-signed certificate"
    )
    finding = check_certificate(_registry(), observed)
    assert finding is not None
    assert finding.reason is reason
    assert all(word in finding.message for word in words)


def test_an_untrusted_certificate_names_the_secret_that_should_hold_its_ca() -> None:
    registry = _registry(caSecretRef={"name": "cr-ca", "key": "root.pem"})
    finding = check_certificate(registry, Certificate((), NOON, TlsFault.UNTRUSTED, "unknown"))
    assert finding is not None
    assert "Secret 'cr-ca' (`spec.caSecretRef`)" in finding.message
    assert "'root.pem'" in finding.message


@pytest.mark.parametrize(("days", "warned"), [(15, False), (14, True), (1, True)])
def test_a_certificate_that_expires_within_two_weeks_is_a_warning(days: int, warned: bool) -> None:
    observed = Certificate(("cr.example.com",), NOON + timedelta(days=days))
    assert check_certificate(_registry(), observed) is None
    codes = [warning.code for warning in certificate_warnings(_registry(), observed, NOON)]
    assert codes == ([Reason.CERTIFICATE_EXPIRING] if warned else [])


@pytest.mark.parametrize("realm", ["https://cr.example.com/service/token", "https://CR.example.com:443/service/token"])
def test_the_right_token_service(realm: str) -> None:
    assert check_v2_response(_registry(), V2Response(401, f'Bearer realm="{realm}",service="harbor-registry"')) is None


@pytest.mark.parametrize("realm", ["https://core.intra/service/token", "http://core.intra/service/token"])
def test_the_token_service_at_an_internal_url_is_at_the_same_host(realm: str) -> None:
    registry = _registry(internalURL="http://core.intra")
    assert check_v2_response(registry, V2Response(401, f'Bearer realm="{realm}",service="harbor-registry"')) is None


@pytest.mark.parametrize(
    "realm", ["http://cr.example.com/t", "https://core.harbor.domain/t", "https://cr.example.com:8443/t"]
)
def test_another_token_service_is_a_mismatch(realm: str) -> None:
    finding = check_v2_response(_registry(), V2Response(401, f'Bearer realm="{realm}",service="harbor-registry"'))
    assert finding is not None
    assert finding.reason is Reason.TOKEN_SERVICE_MISMATCH
    assert realm in finding.message


@pytest.mark.parametrize(
    "v2_response",
    [
        V2Response(404),
        V2Response(401, 'Basic realm="x"'),
        V2Response(401),
        V2Response(308, "", "https://other.example.com/v2/"),
        V2Response(200, is_registry=False),
    ],
)
def test_whatever_else_answers_is_no_harbor(v2_response: V2Response) -> None:
    finding = check_v2_response(_registry(), v2_response)
    assert finding is not None
    assert finding.reason is Reason.REGISTRY_NOT_HARBOR
    assert "`spec.externalURL`" in finding.message


def test_the_unhealthy_parts_are_named_and_no_others() -> None:
    parts = (Component("core", healthy=True), Component("redis", healthy=False, error="dial tcp: refused"))
    pending = check_health(_registry(), parts)
    assert pending is not None
    assert pending.reason is Reason.REGISTRY_UNHEALTHY
    assert "redis (dial tcp: refused)" in pending.message
    assert "core" not in pending.message


@pytest.mark.parametrize(
    ("upload", "reason"),
    [
        (UploadResult(202, "/v2/x", 202), None),
        (UploadResult(202, "https://cr.example.com/v2/x", 202), None),
        (UploadResult(401), None),
        (UploadResult(413), Reason.PROXY_BODY_LIMIT),
        (UploadResult(202, "/v2/x", 413), Reason.PROXY_BODY_LIMIT),
        (UploadResult(202, "http://cr.example.com/v2/x", 202), Reason.UPLOAD_LOCATION_MISMATCH),
        (UploadResult(202, "https://cr.example.com:8443/v2/x", 202), Reason.UPLOAD_LOCATION_MISMATCH),
        (UploadResult(500), Reason.REGISTRY_UNHEALTHY),
        (UploadResult(202, "/v2/x", 500), Reason.REGISTRY_UNHEALTHY),
    ],
)
def test_an_upload(upload: UploadResult, reason: Reason | None) -> None:
    finding = check_upload(_registry(), upload)
    assert (finding.reason if finding else None) is reason


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (BodyLimit(AnnouncedBody.REACHED, 8192), "; no proxy on the way refuses a body of 8 GiB"),
        (
            BodyLimit(AnnouncedBody.INVITED, 8192),
            "; the first server accepts a body of 8 GiB; one behind it was tried ",
        ),
        (BodyLimit(AnnouncedBody.UNANSWERED), "; bodies above 2 MiB are not tried, because no server answers `Expect"),
        (BodyLimit(AnnouncedBody.REACHED, 16, 128), "; a body of 128 MiB is refused, 16 MiB is accepted"),
        (BodyLimit(AnnouncedBody.REFUSED, None, 16), "; a body of 16 MiB is refused"),
        (BodyLimit(AnnouncedBody.UNANSWERED, None, 8192), "; a body of 8 GiB is refused"),
    ],
)
def test_the_message_says_how_large_a_body_was_proved(limit: BodyLimit, words: str) -> None:
    """Finding F3."""
    assert words in describe_reached(_registry(), limit, has_api=True)


def test_a_limit_for_large_bodies_is_a_warning_with_the_remedy() -> None:
    """Finding F3: a limit of 100 MB stops the push of a larger layer, and nothing else."""
    (warning,) = body_limit_warnings(_registry(), BodyLimit(AnnouncedBody.REACHED, 16, 128))
    assert warning.code is Reason.PROXY_BODY_LIMIT
    assert "refuses a body of 128 MiB with HTTP 413 and accepts 16 MiB" in warning.message
    assert "client_max_body_size 0;" in warning.message
    assert body_limit_warnings(_registry(), BodyLimit(AnnouncedBody.INVITED, 8192)) == ()
    assert body_limit_warnings(_registry(), None) == ()


def test_a_location_is_reported_without_its_signed_state() -> None:
    finding = check_upload(_registry(), UploadResult(202, "http://cr.example.com/v2/x?_state=changes", 202))
    assert finding is not None
    assert "http://cr.example.com," in finding.message
    assert "_state" not in finding.message


@pytest.mark.parametrize(
    ("pull", "reason"),
    [
        (PullResult(200, 200, 200), None),
        (PullResult(200, 200, 404), None),
        (PullResult(200, 200, 401), None),
        (PullResult(401), None),
        (PullResult(200, 401), Reason.TOKEN_SERVICE_MISMATCH),
        (PullResult(200, 200, 503), Reason.REGISTRY_UNHEALTHY),
    ],
)
def test_a_pull(pull: PullResult, reason: Reason | None) -> None:
    finding = check_pull(_registry(), pull)
    assert (finding.reason if finding else None) is reason


def test_an_origin_knows_the_default_ports() -> None:
    assert (
        origin("https://cr.example.com/a")
        == origin("https://cr.example.com:443/b?c")
        != origin("http://cr.example.com")
    )
