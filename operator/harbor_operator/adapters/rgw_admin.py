"""The Admin Ops API of a RADOS gateway: S3-signed requests with everything in the query string."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr
from yarl import URL

from harbor_operator.adapters.aws_signature import KeyPair, Request, canonical_query, sign
from harbor_operator.checks.storage import error_code, explain_admin_error, untrusted
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.storage import Quota, RgwEndpoint, RgwUser
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

DEADLINE = aiohttp.ClientTimeout(total=10)

Answer = tuple[int, bytes]


class HttpRgwAdmin:
    """One request at a time on a connection of its own: the calls are few and far between."""

    async def read_user(self, access: RgwEndpoint, uid: str) -> RgwUser | None:
        """Returns the user with its Swift keys and quota, or None if there is none."""
        status, body = await _call(access, "GET", {"uid": uid})
        if status == HTTPStatus.NOT_FOUND and error_code(body) == "NoSuchUser":
            return None
        _expect(access, status, body)
        try:
            return _user(json.loads(body))
        except (ValueError, KeyError, TypeError):
            raise Refused(
                Reason.STORAGE_PROVISIONING_REFUSED,
                f"'{access.url}' did not describe user '{uid}' the way RGW does: is "
                "`spec.storage.swift.provision.adminURL` an RGW?",
            ) from None

    async def ensure_user(self, access: RgwEndpoint, uid: str, display_name: str) -> None:
        """Makes the user without any S3 key; an existing one is left as it is."""
        query = {"uid": uid, "display-name": display_name, "generate-key": "false"}
        status, body = await _call(access, "PUT", query)
        if status != HTTPStatus.CONFLICT:
            _expect(access, status, body)

    async def set_swift_login(self, access: RgwEndpoint, username: str, key: SecretStr) -> None:
        """Makes 'uid:subuser' with full access and this Swift key, or gives an existing one this key."""
        uid, _, subuser = username.partition(":")
        # Only `subuser=name`: the bare `subuser` flag of the documentation breaks the signature.
        query = {"uid": uid, "subuser": subuser, "access": "full", "key-type": "swift"}
        query["secret-key"] = key.get_secret_value()
        # PUT replaces the key of an existing subuser and says 200, but leaves its access as it was; POST sets both.
        status, body = await _call(access, "POST", query)
        if status == HTTPStatus.NOT_FOUND:
            status, body = await _call(access, "PUT", query)
        _expect(access, status, body)

    async def set_quota(self, access: RgwEndpoint, uid: str, quota: Quota) -> None:
        """Sets the quota of everything the user stores."""
        size = {"max-size-kb": str(quota.kib)} if quota.enabled else {}
        query = {"quota": "", "uid": uid, "quota-type": "user", "enabled": str(quota.enabled).lower(), **size}
        await _do(access, "PUT", query)

    async def remove_swift_login(self, access: RgwEndpoint, username: str) -> None:
        """Removes the subuser and its key; a missing one is a success."""
        uid, _, subuser = username.partition(":")
        query = {"uid": uid, "subuser": subuser, "purge-keys": "true"}
        status, body = await _call(access, "DELETE", query)
        if status != HTTPStatus.NOT_FOUND:
            _expect(access, status, body)

    async def remove_user(self, access: RgwEndpoint, uid: str) -> bool:
        """Removes the user and says whether it is gone; one that owns a bucket stays."""
        # Never `purge-data`: without it RGW itself refuses (409) to remove a user that owns a bucket.
        status, body = await _call(access, "DELETE", {"uid": uid})
        if status == HTTPStatus.CONFLICT:
            return False
        if status != HTTPStatus.NOT_FOUND:
            _expect(access, status, body)
        return True


async def _do(access: RgwEndpoint, method: str, query: Mapping[str, str]) -> None:
    status, body = await _call(access, method, query)
    _expect(access, status, body)


async def _call(access: RgwEndpoint, method: str, query: Mapping[str, str]) -> Answer:
    """Signs and sends one request; the query may hold a key, so it is in no message."""
    base = urlsplit(access.url)
    path = f"{base.path.rstrip('/')}/admin/user"
    keys = KeyPair(access.access_key, access.secret_key)
    headers = sign(Request(method, _host(access.url), path, query), keys, datetime.now(UTC))
    url = URL(f"{base.scheme}://{base.netloc}{path}?{canonical_query(query)}", encoded=True)
    trust = _trust(access)
    try:
        async with aiohttp.ClientSession(timeout=DEADLINE) as session:
            sending = session.request(method, url, headers=headers, ssl=trust, allow_redirects=False)
            async with sending as response:
                return response.status, await response.read()
    except aiohttp.ClientConnectorCertificateError:
        _raise(untrusted(access.url, access.ca_secret))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        # The cause is named by its kind only: the text of aiohttp's errors may quote the URL.
        kind = getattr(getattr(error, "os_error", None), "strerror", None) or type(error).__name__
        raise Unavailable(
            f"the RGW admin API at '{access.url}' does not answer ({kind})", Reason.STORAGE_UNREACHABLE
        ) from None


def _host(url: str) -> str:
    """The Host header as the HTTP client will send it: without the port where that is the scheme's own."""
    try:
        parsed = URL(url)
    except ValueError:
        raise Refused(
            Reason.INVALID_SPEC, f"`spec.storage.swift.provision.adminURL` '{url}' is not a usable URL"
        ) from None
    name = parsed.host_subcomponent or ""
    return name if parsed.is_default_port() else f"{name}:{parsed.port}"


def _trust(access: RgwEndpoint) -> ssl.SSLContext | bool:
    if not access.url.startswith("https:") or not access.ca_pem:
        return True
    try:
        return ssl.create_default_context(cadata=access.ca_pem)
    except ssl.SSLError:
        _raise(untrusted(access.url, access.ca_secret))


def _expect(access: RgwEndpoint, status: int, body: bytes) -> None:
    if status != HTTPStatus.OK:
        finding = explain_admin_error(status, error_code(body), access.url, access.secret)
        if isinstance(finding, Blocked):
            _raise(finding)
        raise Unavailable(finding.message, finding.reason)


def _raise(finding: Blocked) -> NoReturn:
    raise Refused(finding.reason, finding.message) from None


def _user(observed: dict[str, Any]) -> RgwUser:
    quota = observed.get("user_quota", {})
    return RgwUser(
        uid=observed["user_id"],
        display_name=observed["display_name"],
        subusers={entry["id"]: entry["permissions"] for entry in observed["subusers"]},
        swift_keys={entry["user"]: SecretStr(entry["secret_key"]) for entry in observed["swift_keys"]},
        s3_keys=len(observed["keys"]),
        suspended=bool(observed.get("suspended")),
        quota=Quota(enabled=bool(quota.get("enabled")), kib=max(0, quota.get("max_size_kb", 0))),
    )
