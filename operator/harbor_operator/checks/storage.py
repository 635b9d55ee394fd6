"""Checks of the object store and the RGW admin API: each takes an answer and returns a finding with a remedy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from harbor_operator.checks.container_owner import create_with_another
from harbor_operator.model.hosts import parse_address
from harbor_operator.model.outcomes import Blocked, StatusWarning, Unknown
from harbor_operator.model.storage import SWIFT_SPEC, Operation, StoreError
from harbor_operator.reasons import Reason

MIB = 1024 * 1024

SWIFT_SUNSET = StatusWarning(
    Reason.SWIFT_SUNSET,
    "Distribution v3, which Harbor will adopt (goharbor/harbor#21896), has no Swift driver: stay on Harbor versions "
    "that ship it, and move the images to S3 with `spec.storage.migration`; a change of the storage type alone would "
    "serve empty layers.",
)

_DEFAULT_PORTS = {"http": 80, "https": 443}
_VERSION = re.compile(r"^v?[0-9]+(\.[0-9]+)?$")
_PRINTABLE = re.compile(r"^[\x20-\x7e]+$")
_CODE = re.compile(r"[A-Za-z]{3,40}")
_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_FULL = {HTTPStatus.INSUFFICIENT_STORAGE}
_REJECTED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


def error_code(body: bytes) -> str:
    """Returns the one word that names an error, or ''; nothing else of a body reaches a message."""
    text = body[:2000].decode(errors="replace").strip()
    found = re.search(r'"Code"\s*:\s*"(\w+)"|<Code>(\w+)</Code>', text)
    if found:
        return next(group for group in found.groups() if group)
    return text if _CODE.fullmatch(text) else ""


def explain_store_error(observed: StoreError) -> Blocked | Unknown:
    """Returns what an error of the object store means and what to do."""
    if observed.status in _LATER or (
        observed.status >= HTTPStatus.INTERNAL_SERVER_ERROR and observed.status not in _FULL
    ):
        hint = while_sending(observed.size)
        return Unknown(
            Reason.STORAGE_UNREACHABLE,
            f"the object store at '{observed.url}' answered {_status(observed)}{hint}",
        )
    if observed.operation is Operation.LOGIN:
        return _explain_login(observed)
    if observed.status in {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, *_FULL}:
        return _explain_too_large(observed)
    if observed.operation is Operation.CONTAINER:
        return _explain_container(observed)
    hint = "; the new token is unknown there: check that the URL leads to the gateway that issued it"
    hint = hint if observed.status == HTTPStatus.UNAUTHORIZED else ""
    return Blocked(
        Reason.STORAGE_PROBE_FAILED,
        f"{observed.operation} at '{observed.url}' was answered with {_status(observed)}{hint}",
    )


def while_sending(size: int) -> str:
    """Returns the part of a message about a large body that was interrupted; '' for a small one."""
    if size < MIB:
        return ""
    return f" while {size // MIB} MiB were sent; if this persists, check body limit, timeouts and quota of each proxy"


def _status(observed: StoreError) -> str:
    return f"{int(observed.status)} '{observed.code}'" if observed.code else f"{int(observed.status)}"


def _explain_login(observed: StoreError) -> Blocked:
    if observed.location:
        return Blocked(
            Reason.STORAGE_URL_MISMATCH,
            f"'{observed.url}' answers with a redirect to '{observed.location}', which the operator does not follow "
            "with the registry's key: set `spec.storage.swift.authURL` to the final URL",
        )
    if observed.status not in _REJECTED:
        return Blocked(
            Reason.STORAGE_UNREACHABLE,
            f"'{observed.url}' answered {_status(observed)}, so this is not a Swift v1 auth endpoint: "
            "`spec.storage.swift.authURL` must be like 'https://host/auth/v1.0', and RGW needs swift and swift_auth in "
            "`rgw enable apis`",
        )
    what = "does not know user" if observed.status == HTTPStatus.FORBIDDEN else "refused the key of user"
    remedy = (
        "create the subuser (radosgw-admin subuser create) or correct `username`, which is 'uid:subuser'"
        if observed.status == HTTPStatus.FORBIDDEN
        else "`password` must be the Swift key of that subuser (swift_keys in radosgw-admin user info), not an S3 key"
    )
    user = f"'{observed.username}' from Secret '{observed.secret}'"
    return Blocked(
        Reason.STORAGE_CREDENTIALS_REJECTED, f"'{observed.url}' {what} {user} ({_status(observed)}): {remedy}"
    )


def _explain_too_large(observed: StoreError) -> Blocked:
    size = f"{max(1, observed.size // MIB)} MiB" if observed.size >= MIB else f"{observed.size} bytes"
    if observed.from_store or observed.status in _FULL:
        return Blocked(
            Reason.STORAGE_QUOTA_EXCEEDED,
            f"the object store has no room for {size} of user '{observed.username}' ({_status(observed)}): raise "
            "the quota (`spec.storage.swift.provision.quotaGiB`, or radosgw-admin quota set) or collect "
            "garbage in Harbor",
        )
    return Blocked(
        Reason.STORAGE_BODY_LIMIT,
        f"a proxy in front of the object store refused a body of {size} at '{observed.url}' (413), so pushes would "
        "fail with 'blob upload invalid': set `client_max_body_size 0` in its nginx, or the annotation "
        "`nginx.ingress.kubernetes.io/proxy-body-size: '0'` on its Ingress, or lower `spec.storage.swift.chunkSizeMiB`",
    )


def _explain_container(observed: StoreError) -> Blocked:
    owned = observed.status in {HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT}
    remedy = (
        "that name belongs to another user, or the subuser lacks full access; grant it with radosgw-admin, or "
        f"{create_with_another('spec.storage.swift.container')}"
        if owned
        else "`spec.storage.swift.container` must be a name that the store accepts, and the user must be permitted "
        "another container"
    )
    return Blocked(
        Reason.STORAGE_CONTAINER_REFUSED,
        f"the object store refused '{observed.url}' to user '{observed.username}' ({_status(observed)}): {remedy}",
    )


def check_storage_url(auth_url: str, storage_url: str) -> Blocked | None:
    """Returns how an X-Storage-Url leaves the scheme, host, port or path prefix of the login, or None."""
    differing = _differences(auth_url, storage_url)
    if not differing:
        return None
    parts = urlsplit(auth_url)
    return Blocked(
        Reason.STORAGE_URL_MISMATCH,
        f"X-Storage-Url is '{storage_url}' but `spec.storage.swift.authURL` is '{auth_url}': {'; '.join(differing)}. "
        "The registry would bypass the proxy or fail. Set `rgw swift url = "
        f"{parts.scheme}://{parts.netloc}` (no trailing slash) in the [client.rgw] section of ceph.conf (Rook: "
        "rgwCommandFlags of the CephObjectStore) and restart radosgw; forwarded headers do not change it",
    )


def _differences(auth_url: str, storage_url: str) -> Sequence[str]:
    ours, theirs = urlsplit(auth_url), urlsplit(storage_url)
    pairs = (
        ("scheme", ours.scheme, theirs.scheme),
        ("host", _host(ours.hostname), _host(theirs.hostname)),
        ("port", _port(auth_url), _port(storage_url)),
    )
    found = [
        f"the {name} is '{observed}' and must be '{wanted}'" for name, wanted, observed in pairs if wanted != observed
    ]
    if "//" in theirs.path:
        found.append(f"the path '{theirs.path}' has a double slash, from a trailing slash in `rgw swift url`")
    elif not theirs.path.startswith(f"{_prefix(ours.path)}/"):
        found.append(f"the path '{theirs.path}' must start with '{_prefix(ours.path)}/'")
    return found


def _host(name: str | None) -> str:
    return str(parse_address(name or "") or (name or "").lower().rstrip("."))


def _port(url: str) -> int | str:
    parts = urlsplit(url)
    try:
        return _DEFAULT_PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        return "not a number"


def _prefix(auth_path: str) -> str:
    """Returns what precedes the auth path: '/rgw' in '/rgw/auth/v1.0', nothing in '/auth'."""
    segments = [segment for segment in auth_path.split("/") if segment]
    if segments and _VERSION.match(segments[-1]):
        segments.pop()
    return "".join(f"/{segment}" for segment in segments[:-1])


def explain_admin_error(status: int, code: str, url: str, secret: str, spec: str = SWIFT_SPEC) -> Blocked | Unknown:
    """Returns what an error of the RGW Admin Ops API means and what to do."""
    answer = f"{status} '{code}'" if code else f"{status}"
    if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unknown(Reason.STORAGE_UNREACHABLE, f"the RGW admin API at '{url}' answered {answer}")
    remedies = {
        "InvalidAccessKeyId": f"`accessKey` in Secret '{secret}' is unknown there",
        "SignatureDoesNotMatch": (
            f"`secretKey` in Secret '{secret}' does not belong to its `accessKey`, or a proxy changes the Host header, "
            f"which is signed: point `{spec}.provision.adminURL` at the gateway itself"
        ),
        "KeyExists": "another user has the access key: choose another one, or another `provision.uid`",
        "RequestTimeTooSkewed": "the clocks of this node and of the gateway are too far apart",
        "AccessDenied": f"the user of Secret '{secret}' needs the capability (radosgw-admin caps add --caps 'users=*')",
    }
    remedy = remedies.get(code, _not_rgw(spec))
    return Blocked(Reason.STORAGE_PROVISIONING_REFUSED, f"the RGW admin API at '{url}' answered {answer}: {remedy}")


def explain_untrusted(url: str, ca_secret: str, spec: str = SWIFT_SPEC) -> Blocked:
    """Returns what a certificate means that the trusted authorities did not sign."""
    trusted = f"the CA in Secret '{ca_secret}'" if ca_secret else "the system's CAs"
    return Blocked(
        Reason.CERTIFICATE_UNTRUSTED,
        f"the certificate of '{url}' is not trusted by {trusted} or names another host: "
        f"`{spec}.caSecretRef` must hold the CA that signed it",
    )


def explain_no_answer(url: str, detail: str, size: int = 0) -> Unknown:
    """Returns what the absence of a valid answer means; `detail` is the error, `size` the bytes that were sent."""
    hint = while_sending(size)
    return Unknown(Reason.STORAGE_UNREACHABLE, f"the object store at '{url}' does not answer ({detail}){hint}")


def explain_unacceptable_answer(url: str, detail: str, field: str = f"{SWIFT_SPEC}.authURL") -> Blocked:
    """Returns what an answer means that the operator refuses to read; `detail` completes "answers with ...".

    `field` is the path of the URL in the spec.
    """
    return Blocked(
        Reason.STORAGE_PROBE_FAILED,
        f"'{url}' answers with {detail}: no object store does that to this request; check `{field}` and the proxies in "
        "front of it",
    )


def explain_no_login(auth_url: str, status: int) -> Blocked:
    """Returns what a successful answer without a storage URL and a token means."""
    return Blocked(
        Reason.STORAGE_UNREACHABLE,
        f"'{auth_url}' answered {status} without X-Storage-Url and X-Auth-Token: this is not a Swift v1 auth endpoint; "
        "correct `spec.storage.swift.authURL`",
    )


def explain_other_digest(url: str, size: int) -> Blocked:
    """Returns what it means that the store reports another digest than that of the bytes sent."""
    return Blocked(
        Reason.STORAGE_PROBE_FAILED,
        f"{size} bytes written to '{url}' were stored with another digest: find the proxy that changes bodies",
    )


def explain_other_range(url: str) -> Blocked:
    """Returns that the store, or a proxy, answers a request for a part of an object with something else."""
    return Blocked(
        Reason.STORAGE_PROBE_FAILED,
        f"a request for a part of '{url}' was answered with another part: find the proxy that changes requests for a "
        "range (`Range`)",
    )


def explain_unusable_admin_url(url: str, spec: str) -> Blocked:
    """Returns that the URL of the admin API cannot be parsed."""
    return Blocked(Reason.INVALID_SPEC, f"`{spec}.provision.adminURL` '{url}' is not a usable URL")


def explain_not_rgw(url: str, detail: str, spec: str) -> Blocked:
    """Returns what an answer means that RGW never gives; `detail` completes "the admin API ..."."""
    return Blocked(Reason.STORAGE_PROVISIONING_REFUSED, f"the RGW admin API at '{url}' {detail}: {_not_rgw(spec)}")


def explain_no_admin_answer(url: str, detail: str) -> Unknown:
    """Returns what the absence of an answer of the admin API means; `detail` is the error."""
    return Unknown(Reason.STORAGE_UNREACHABLE, f"the RGW admin API at '{url}' does not answer ({detail})")


def _not_rgw(spec: str) -> str:
    return f"check that `{spec}.provision.adminURL` is an RGW with admin in `rgw enable apis`"
