"""Judges what the object store and the RGW admin API answered: an answer goes in, a finding with a remedy comes out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from harbor_operator.model.outcomes import Blocked, StatusWarning, Unknown
from harbor_operator.model.storage import Operation, StoreError
from harbor_operator.reasons import Reason

MIB = 1024 * 1024

SWIFT_SUNSET = StatusWarning(
    Reason.SWIFT_SUNSET,
    "The Swift driver is gone from distribution v3, to which Harbor will move (goharbor/harbor#21896): stay on Harbor "
    "versions known to ship it and plan a copy to S3; switching the type in place would serve empty layers.",
)

_DEFAULT_PORTS = {"http": 80, "https": 443}
_VERSION = re.compile(r"^v?[0-9]+(\.[0-9]+)?$")
_PRINTABLE = re.compile(r"^[\x20-\x7e]+$")
_CODE = re.compile(r"[A-Za-z]{3,40}")
_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_FULL = {HTTPStatus.INSUFFICIENT_STORAGE}
_REJECTED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


def error_code(body: bytes) -> str:
    """The one word that names an error, or nothing; the rest of a body never reaches a message."""
    text = body[:2000].decode(errors="replace").strip()
    found = re.search(r'"Code"\s*:\s*"(\w+)"|<Code>(\w+)</Code>', text)
    if found:
        return next(group for group in found.groups() if group)
    return text if _CODE.fullmatch(text) else ""


def explain_store_error(observed: StoreError) -> Blocked | Unknown:
    """Says what an error of the object store means and what to do about it."""
    if observed.status in _LATER or (
        observed.status >= HTTPStatus.INTERNAL_SERVER_ERROR and observed.status not in _FULL
    ):
        hint = while_sending(observed.size)
        return Unknown(
            Reason.STORAGE_UNREACHABLE, f"the object store at '{observed.url}' answered {_said(observed)}{hint}"
        )
    if observed.operation is Operation.LOGIN:
        return _explain_login(observed)
    if observed.status in {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, *_FULL}:
        return _explain_too_large(observed)
    if observed.operation is Operation.CONTAINER:
        return _explain_container(observed)
    hint = "; the token of a moment ago is unknown there: does the URL lead to the gateway that made it?"
    hint = hint if observed.status == HTTPStatus.UNAUTHORIZED else ""
    return Blocked(
        Reason.STORAGE_PROBE_FAILED, f"{observed.operation} at '{observed.url}' was answered {_said(observed)}{hint}"
    )


def while_sending(size: int) -> str:
    """What to add to a message about a large body that was cut without a word; nothing for small ones."""
    if size < MIB:
        return ""
    return f" while {size // MIB} MiB were sent; if it stays so, look at the body limit, timeouts and quota on the way"


def _said(observed: StoreError) -> str:
    return f"{int(observed.status)} '{observed.code}'" if observed.code else f"{int(observed.status)}"


def _explain_login(observed: StoreError) -> Blocked:
    if observed.location:
        return Blocked(
            Reason.STORAGE_URL_MISMATCH,
            f"'{observed.url}' answers with a redirect to '{observed.location}'; the registry's key must not "
            "travel there by "
            "itself: write the final URL into `spec.storage.swift.authURL`",
        )
    if observed.status not in _REJECTED:
        return Blocked(
            Reason.STORAGE_UNREACHABLE,
            f"'{observed.url}' answered {_said(observed)}, which is no version 1 login: "
            "`spec.storage.swift.authURL` must be "
            "like 'https://host/auth/v1.0', and RGW needs swift and swift_auth in `rgw enable apis`",
        )
    what = "does not know user" if observed.status == HTTPStatus.FORBIDDEN else "refused the key of user"
    remedy = (
        "make the subuser (radosgw-admin subuser create) or correct `username`, which is 'uid:subuser'"
        if observed.status == HTTPStatus.FORBIDDEN
        else "`password` must be the Swift key of that subuser (swift_keys in radosgw-admin user info), not an S3 key"
    )
    return Blocked(
        Reason.STORAGE_CREDENTIALS_REJECTED,
        f"'{observed.url}' {what} '{observed.username}' from Secret '{observed.secret}' ({_said(observed)}): {remedy}",
    )


def _explain_too_large(observed: StoreError) -> Blocked:
    size = f"{max(1, observed.size // MIB)} MiB" if observed.size >= MIB else f"{observed.size} bytes"
    if observed.from_store or observed.status in _FULL:
        return Blocked(
            Reason.STORAGE_QUOTA_EXCEEDED,
            f"the object store has no room for {size} of user '{observed.username}' ({_said(observed)}): raise "
            "the quota "
            "(`spec.storage.swift.provision.quotaGiB`, or radosgw-admin quota set) or collect garbage in Harbor",
        )
    return Blocked(
        Reason.STORAGE_BODY_LIMIT,
        f"a proxy before the object store refused a body of {size} at '{observed.url}' (413), so pushes would "
        "fail with "
        "'blob upload invalid': set `client_max_body_size 0` in its nginx, or the annotation "
        "`nginx.ingress.kubernetes.io/proxy-body-size: '0'` on its Ingress, or lower `spec.storage.swift.chunkSizeMiB`",
    )


def _explain_container(observed: StoreError) -> Blocked:
    owned = observed.status in {HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT}
    remedy = (
        "that name belongs to another user, or the subuser lacks full access; choose another "
        "`spec.storage.swift.container`, or grant it with radosgw-admin"
        if owned
        else "`spec.storage.swift.container` must be a name the store accepts and the user have room for a container"
    )
    return Blocked(
        Reason.STORAGE_CONTAINER_REFUSED,
        f"the object store refused '{observed.url}' to user '{observed.username}' ({_said(observed)}): {remedy}",
    )


def check_storage_url(auth_url: str, storage_url: str) -> Blocked | None:
    """Finds an X-Storage-Url that does not lead back through the way the login took."""
    differing = _differences(auth_url, storage_url)
    if not differing:
        return None
    parts = urlsplit(auth_url)
    return Blocked(
        Reason.STORAGE_URL_MISMATCH,
        f"X-Storage-Url is '{storage_url}' but `spec.storage.swift.authURL` is '{auth_url}': {'; '.join(differing)}. "
        "The registry would follow it past the proxy or nowhere. Set `rgw swift url = "
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
    found = [f"the {name} is '{observed}' and must be '{want}'" for name, want, observed in pairs if want != observed]
    if "//" in theirs.path:
        found.append(f"the path '{theirs.path}' has a double slash, from a trailing slash in `rgw swift url`")
    elif not theirs.path.startswith(f"{_prefix(ours.path)}/"):
        found.append(f"the path '{theirs.path}' must start with '{_prefix(ours.path)}/'")
    return found


def _host(name: str | None) -> str:
    return (name or "").lower().rstrip(".")


def _port(url: str) -> int | str:
    parts = urlsplit(url)
    try:
        return _DEFAULT_PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        return "not a number"


def _prefix(auth_path: str) -> str:
    """What precedes the auth entry: '/rgw' in '/rgw/auth/v1.0', nothing in '/auth'."""
    segments = [segment for segment in auth_path.split("/") if segment]
    if segments and _VERSION.match(segments[-1]):
        segments.pop()
    return "".join(f"/{segment}" for segment in segments[:-1])


def explain_admin_error(status: int, code: str, url: str, secret: str) -> Blocked | Unknown:
    """Says what an error of the RGW Admin Ops API means and what to do about it."""
    said = f"{status} '{code}'" if code else f"{status}"
    if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unknown(Reason.STORAGE_UNREACHABLE, f"the RGW admin API at '{url}' answered {said}")
    remedies = {
        "InvalidAccessKeyId": f"`accessKey` in Secret '{secret}' is unknown there",
        "SignatureDoesNotMatch": (
            f"`secretKey` in Secret '{secret}' does not belong to its `accessKey`, or a proxy changes the Host header, "
            "which is signed: point `spec.storage.swift.provision.adminURL` at the gateway itself"
        ),
        "RequestTimeTooSkewed": "the clocks of this node and of the gateway are too far apart",
        "AccessDenied": f"the user of Secret '{secret}' needs the capability (radosgw-admin caps add --caps 'users=*')",
    }
    remedy = remedies.get(code, "is `spec.storage.swift.provision.adminURL` an RGW with admin in `rgw enable apis`?")
    return Blocked(Reason.STORAGE_PROVISIONING_REFUSED, f"the RGW admin API at '{url}' answered {said}: {remedy}")


def untrusted(url: str, ca_secret: str) -> Blocked:
    """Says that the certificate behind `url` is not signed by the CA that was given."""
    known = f"the CA in Secret '{ca_secret}'" if ca_secret else "the system's CAs"
    return Blocked(
        Reason.CERTIFICATE_UNTRUSTED,
        f"the certificate of '{url}' is not trusted by {known} or names another host: "
        "`spec.storage.swift.caSecretRef` must hold the CA that signed it",
    )
