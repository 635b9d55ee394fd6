"""Checks of an S3 store: each takes what was observed and returns a finding with a remedy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from harbor_operator.api.charts import find_chart
from harbor_operator.api.s3 import S3
from harbor_operator.checks.container_owner import create_with_another
from harbor_operator.checks.storage import MIB, while_sending
from harbor_operator.model.outcomes import Blocked, StatusWarning, Unknown
from harbor_operator.model.s3 import BucketSettings, DesiredS3, S3Error
from harbor_operator.model.storage import S3_SPEC
from harbor_operator.reasons import Reason

_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_LATER_CODES = {"SlowDown", "RequestTimeout", "OperationAborted"}
_CLUSTER_DOMAINS = (".svc", ".svc.cluster.local", ".cluster.local", ".localhost")
_HARBOR_WITHOUT_KEY_COUNT = "1.9"
_COPY_HINT = (
    "; a Ceph RGW without ceph/ceph#63794 (in Ceph 20: ceph/ceph#69277) cannot copy encrypted objects, as the registry"
    " does with each layer: upgrade it, or remove `encryption` and encrypt the disks below the store"
)
_TLS_HINT = (
    "; a Ceph RGW encrypts only what arrives over TLS: behind a proxy with TLS, set its option"
    " `rgw_trust_forwarded_https`, and let the proxy send `X-Forwarded-Proto: https`"
)


def explain_s3_error(observed: S3Error) -> Blocked | Unknown:
    """Returns what an error of the store means and what to do."""
    is_temporary = observed.status in _LATER or observed.code in _LATER_CODES or _is_broken(observed.status)
    explain = _key_refused if observed.is_about_kms and not is_temporary else _BY_CODE.get(observed.code)
    if explain:
        return explain(observed)
    if is_temporary:
        hint = while_sending(observed.size)
        return Unknown(
            Reason.STORAGE_UNREACHABLE, f"the object store at '{observed.url}' answered {_status(observed)}{hint}"
        )
    if observed.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return _body_limit(observed)
    if observed.location:
        return _redirect(observed)
    if not observed.from_store:
        return Blocked(
            Reason.STORAGE_PROBE_FAILED,
            f"'{observed.url}' answered {_status(observed)} without an error of S3: `{S3_SPEC}.endpoint` must be the "
            "URL of an S3 server, and the proxies in front of it must pass all methods",
        )
    return Blocked(
        Reason.STORAGE_PROBE_FAILED,
        f"{observed.operation} at '{observed.url}' was answered with {_status(observed)}: the registry needs this "
        f"request; compare `{S3_SPEC}` (`storageClass`, `encryption`) with what the store supports"
        f"{_encryption_hint(observed)}",
    )


def _encryption_hint(observed: S3Error) -> str:
    if not observed.encrypts:
        return ""
    return _COPY_HINT if observed.code == "NotImplemented" else _TLS_HINT


def _redirect(observed: S3Error) -> Blocked:
    if observed.region:
        return _region(observed)
    return Blocked(
        Reason.STORAGE_URL_MISMATCH,
        f"'{observed.url}' answers with a redirect to '{observed.location}', which the operator does not follow: set "
        f"`{S3_SPEC}.endpoint` to the final URL",
    )


def _is_broken(status: int) -> bool:
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in {
        HTTPStatus.NOT_IMPLEMENTED,
        HTTPStatus.INSUFFICIENT_STORAGE,
    }


def _status(observed: S3Error) -> str:
    return f"{int(observed.status)} '{observed.code}'" if observed.code else f"{int(observed.status)}"


def _key_refused(observed: S3Error) -> Blocked:
    key = f"key '{observed.kms_key_id}' for" if observed.kms_key_id else "the key of"
    return Blocked(
        Reason.STORAGE_KEY_REFUSED,
        f"the key management of the store refuses {key} '{observed.operation}' at '{observed.url}' "
        f"({_status(observed)}): set `{S3_SPEC}.encryption.kmsKeyId` to a key that exists there, and permit the user "
        f"of the keys in Secret '{observed.secret}' to encrypt and decrypt with it (in AWS, kms:GenerateDataKey and "
        "kms:Decrypt)",
    )


def _clock(observed: S3Error) -> Blocked:
    return Blocked(
        Reason.STORAGE_CLOCK_SKEWED,
        f"'{observed.url}' refuses the time in the signature ({_status(observed)}): the clocks of this node and of the "
        "store differ by more than 15 minutes; synchronize both, and the nodes of the registry, with one time server",
    )


def _region(observed: S3Error) -> Blocked:
    expected = f"region '{observed.region}'" if observed.region else "another region"
    return Blocked(
        Reason.STORAGE_REGION_MISMATCH,
        f"'{observed.url}' expects {expected} in signatures ({_status(observed)}): set `{S3_SPEC}.region` to it, and "
        f"`{S3_SPEC}.endpoint` to the server of that region",
    )


def _missing(observed: S3Error) -> Blocked:
    return bucket_missing(observed.bucket, observed.url)


def bucket_missing(bucket: str, url: str) -> Blocked:
    """Returns that the bucket does not exist and the operator does not create it."""
    return Blocked(
        Reason.STORAGE_BUCKET_MISSING,
        f"bucket '{bucket}' does not exist at '{url}': create it, correct `{S3_SPEC}.bucket`, or let the operator "
        f"create it in Ceph RGW (`{S3_SPEC}.provision`)",
    )


def _unknown_key(observed: S3Error) -> Blocked:
    return _rejected(observed, f"the access key in Secret '{observed.secret}' is unknown there: correct the Secret")


def _wrong_key(observed: S3Error) -> Blocked:
    return _rejected(
        observed,
        f"the secret key in Secret '{observed.secret}' does not belong to its access key, or a proxy changes the Host "
        "header, which is signed (nginx: `proxy_set_header Host $http_host`)",
    )


def _rejected(observed: S3Error, remedy: str) -> Blocked:
    return Blocked(
        Reason.STORAGE_CREDENTIALS_REJECTED,
        f"'{observed.url}' rejected the signature of the request ({_status(observed)}): {remedy}",
    )


def _denied(observed: S3Error) -> Blocked:
    return Blocked(
        Reason.STORAGE_ACCESS_DENIED,
        f"the keys in Secret '{observed.secret}' must not use '{observed.operation}' at '{observed.url}' "
        f"({_status(observed)}): grant it in the policy of the user or of the bucket; if another user owns the bucket, "
        f"{create_with_another(f'{S3_SPEC}.bucket')}",
    )


def _taken(observed: S3Error) -> Blocked:
    return Blocked(
        Reason.STORAGE_CONTAINER_REFUSED,
        f"bucket '{observed.bucket}' belongs to another user ({_status(observed)}): "
        f"{create_with_another(f'{S3_SPEC}.bucket')}",
    )


def _quota(observed: S3Error) -> Blocked:
    return Blocked(
        Reason.STORAGE_QUOTA_EXCEEDED,
        f"the object store has no room for {_size(observed)} in bucket '{observed.bucket}' "
        f"({_status(observed)}): raise the quota of the user or of the bucket (`{S3_SPEC}.provision.quotaGiB`, or "
        "radosgw-admin quota set), or collect garbage in Harbor",
    )


def _body_limit(observed: S3Error) -> Blocked:
    return Blocked(
        Reason.STORAGE_BODY_LIMIT,
        f"a body of {_size(observed)} was refused at '{observed.url}' ({_status(observed)}), so pushes would fail with "
        "'blob upload invalid': the last part of a layer can have twice the chunk size; set `client_max_body_size 0` "
        "in the nginx in front of the store, or the annotation `nginx.ingress.kubernetes.io/proxy-body-size: '0'` on "
        f"its Ingress, or lower `{S3_SPEC}.chunkSizeMiB`",
    )


def _changed(observed: S3Error) -> Blocked:
    return Blocked(
        Reason.STORAGE_PROBE_FAILED,
        f"a body of {_size(observed)} arrived at '{observed.url}' with another digest ({_status(observed)}): find the "
        "proxy that changes bodies",
    )


def _path_style(observed: S3Error) -> Blocked:
    return Blocked(
        Reason.STORAGE_URL_MISMATCH,
        f"'{observed.url}' refuses the bucket in the path ({_status(observed)}), which is where the registry puts it "
        f"at a given endpoint: set `{S3_SPEC}.endpoint` to a server that accepts path-style requests",
    )


def _size(observed: S3Error) -> str:
    return f"{observed.size // MIB} MiB" if observed.size >= MIB else f"{observed.size} bytes"


_BY_CODE: Mapping[str, Callable[[S3Error], Blocked]] = {
    "RequestTimeTooSkewed": _clock,
    "RequestExpired": _clock,
    "AuthorizationHeaderMalformed": _region,
    "PermanentRedirect": _region,
    "IllegalLocationConstraintException": _region,
    "NoSuchBucket": _missing,
    "InvalidAccessKeyId": _unknown_key,
    "XAdminUserNotFound": _unknown_key,  # of the Versity gateway
    "SignatureDoesNotMatch": _wrong_key,
    "AccessDenied": _denied,
    "BucketAlreadyExists": _taken,
    "QuotaExceeded": _quota,
    "EntityTooLarge": _body_limit,
    "BadDigest": _changed,
    "XAmzContentSHA256Mismatch": _changed,
    "SecondLevelDomainForbidden": _path_style,
}


def check_settings(desired: DesiredS3, settings: BucketSettings, chart_version: str) -> Blocked | None:
    """Returns why Harbor must not use the bucket; `chart_version` is empty for a Harbor that is installed elsewhere."""
    chart = find_chart(chart_version)
    if settings.is_rgw and chart is not None and chart.harbor_minor == _HARBOR_WITHOUT_KEY_COUNT:
        return Blocked(
            Reason.S3_UNSUPPORTED,
            f"the registry of Harbor {chart.harbor_minor} (chart '{chart_version}') fails on a Ceph RGW that omits "
            "`KeyCount` in listings: the catalog stops at the first repository, images show 0 B and garbage collection "
            "crashes (goharbor/harbor#8121, distribution/distribution#2553); set `spec.release.version` to 1.3.0 or "
            "newer, or use Swift",
        )
    if settings.is_locked:
        return Blocked(
            Reason.STORAGE_BUCKET_LOCKED,
            f"bucket '{desired.bucket}' has Object Lock, which keeps what garbage collection deletes, so that the "
            f"bucket only grows: set `{S3_SPEC}.bucket` to a bucket without Object Lock; it cannot be disabled",
        )
    return None


def settings_warnings(desired: DesiredS3, settings: BucketSettings) -> tuple[StatusWarning, ...]:
    """Returns what is not wrong with the bucket but costs room."""
    if not settings.keeps_versions:
        return ()
    message = (
        f"Bucket '{desired.bucket}' keeps old versions of objects, so garbage collection frees no room: add a "
        f"lifecycle rule that expires noncurrent versions, or set `{S3_SPEC}.bucket` to a bucket without versions."
    )
    return (StatusWarning(Reason.STORAGE_BUCKET_VERSIONED, message),)


def written_by_swift(desired: DesiredS3, segments: str) -> Blocked:
    """Returns that the Swift driver wrote the images; `segments` is the folder with the bytes of their layers."""
    return Blocked(
        Reason.STORAGE_CONTAINER_REFUSED,
        f"bucket '{desired.bucket}' holds images that the Swift driver wrote (objects in '{segments}'): through S3, "
        f"each layer has 0 B; {create_with_another(f'{S3_SPEC}.bucket')} and replicate the images into it, or use "
        "`spec.storage.swift` there",
    )


def check_redirect(desired: DesiredS3 | S3) -> Blocked | None:
    """Returns that clients cannot reach the server to which the registry would send them."""
    host = urlsplit(desired.endpoint).hostname or ""
    if not desired.redirect or not _is_internal(host):
        return None
    return Blocked(
        Reason.STORAGE_REDIRECT_UNREACHABLE,
        f"`{S3_SPEC}.redirect` would send each client to '{desired.endpoint}', a name that only pods or this host can "
        f"reach, so that pulls fail: set `{S3_SPEC}.endpoint` to a URL that all nodes reach, or remove "
        f"`{S3_SPEC}.redirect`",
    )


def _is_internal(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        name = host.lower().rstrip(".")
        return "." not in name or name.endswith(_CLUSTER_DOMAINS)


def probe_failed(url: str, what: str) -> Blocked:
    """Returns that the store answered without an error, but not as the registry needs it."""
    return Blocked(
        Reason.STORAGE_PROBE_FAILED,
        f"bucket '{url}' does not behave as the registry needs: {what}; compare `{S3_SPEC}` with what it supports",
    )
