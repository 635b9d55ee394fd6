"""The Admin Ops API of a RADOS gateway: signed S3 requests with all parameters in the query string."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr
from typing_extensions import override
from yarl import URL

from harbor_operator.adapters import tls
from harbor_operator.adapters.aws_signature import KeyPair, Request, canonical_query, sign
from harbor_operator.adapters.http_body import IDENTITY, UnacceptableBody, read_body
from harbor_operator.adapters.http_headers import host_header, retry_after_seconds
from harbor_operator.adapters.http_proxy import check_proxy_login, choose_proxy, describe_failure
from harbor_operator.checks.storage import (
    error_code,
    explain_admin_error,
    explain_no_admin_answer,
    explain_not_rgw,
    explain_untrusted,
    explain_unusable_admin_url,
)
from harbor_operator.model.egress import UNRESTRICTED, Egress
from harbor_operator.model.storage import Quota, RgwEndpoint, RgwUser
from harbor_operator.ports import Refused, Unavailable, as_error
from harbor_operator.ports.rgw_admin import RgwAdmin

DEADLINE_SECONDS = 10.0
UNLINK_SECONDS = (1.0, 2.0, 4.0)
"""Pauses before a user that still owns a bucket is removed again."""

_ABSENT_KEY = {"NoSuchUser", "NoSuchKey", "InvalidAccessKeyId"}

Response = tuple[int, bytes, str]
"""Status, body, and the header Retry-After."""


class HttpRgwAdmin(RgwAdmin):
    """The Admin Ops API over HTTP; calls are rare, so each has its own connection."""

    def __init__(self, egress: Egress = UNRESTRICTED, unlink_seconds: Sequence[float] = UNLINK_SECONDS) -> None:
        self._egress = egress
        self._unlink_seconds = unlink_seconds

    @override
    async def read_user(self, endpoint: RgwEndpoint, uid: str) -> RgwUser | None:
        response = await self._send(endpoint, "GET", {"uid": uid})
        if response[0] == HTTPStatus.NOT_FOUND and error_code(response[1]) == "NoSuchUser":
            return None
        _require_ok(endpoint, response)
        try:
            return _user(json.loads(response[1]))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise _not_rgw(endpoint, f"did not describe user '{uid}' the way RGW does") from None

    @override
    async def ensure_user(self, endpoint: RgwEndpoint, uid: str, display_name: str) -> None:
        query = {"uid": uid, "display-name": display_name, "generate-key": "false"}
        await self._write(endpoint, "PUT", query, HTTPStatus.CONFLICT)

    @override
    async def set_swift_login(self, endpoint: RgwEndpoint, username: str, key: SecretStr) -> None:
        uid, _, subuser = username.partition(":")
        # Only `subuser=name`: the bare `subuser` flag of the documentation breaks the signature.
        query = {"uid": uid, "subuser": subuser, "access": "full", "key-type": "swift"}
        query["secret-key"] = key.get_secret_value()
        # PUT replaces the key of an existing subuser, but keeps its access although it answers 200; POST sets both.
        if await self._write(endpoint, "POST", query, HTTPStatus.NOT_FOUND) == HTTPStatus.NOT_FOUND:
            await self._write(endpoint, "PUT", query)

    @override
    async def set_quota(self, endpoint: RgwEndpoint, uid: str, quota: Quota) -> None:
        size = {"max-size-kb": str(quota.kib)} if quota.enabled else {}
        query = {"quota": "", "uid": uid, "quota-type": "user", "enabled": str(quota.enabled).lower(), **size}
        await self._write(endpoint, "PUT", query)

    @override
    async def remove_swift_login(self, endpoint: RgwEndpoint, username: str) -> None:
        uid, _, subuser = username.partition(":")
        query = {"uid": uid, "subuser": subuser, "purge-keys": "true"}
        await self._write(endpoint, "DELETE", query, HTTPStatus.NOT_FOUND)

    @override
    async def set_s3_key(self, endpoint: RgwEndpoint, uid: str, access_key: str, secret_key: SecretStr) -> None:
        query = {"key": "", "uid": uid, "key-type": "s3", "access-key": access_key, "generate-key": "false"}
        query["secret-key"] = secret_key.get_secret_value()
        await self._write(endpoint, "PUT", query)

    @override
    async def remove_s3_key(self, endpoint: RgwEndpoint, uid: str, access_key: str) -> None:
        query = {"key": "", "uid": uid, "key-type": "s3", "access-key": access_key}
        response = await self._send(endpoint, "DELETE", query)
        if error_code(response[1]) not in _ABSENT_KEY:
            _require_ok(endpoint, response)

    @override
    async def remove_user(self, endpoint: RgwEndpoint, uid: str) -> bool:
        # Never `purge-data`: without it RGW itself refuses (409) to remove a user that owns a bucket.
        # RGW takes a bucket off its owner's list after the bucket is gone. A removal that did not answer in time may
        # still be there.
        for pause in (0.0, *self._unlink_seconds):
            await asyncio.sleep(pause)
            status = await self._write(endpoint, "DELETE", {"uid": uid}, HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND)
            if status != HTTPStatus.CONFLICT:
                return True
        return False

    async def _write(self, endpoint: RgwEndpoint, method: str, query: Mapping[str, str], *accepted: int) -> int:
        """Returns the status: 200, or one of those accepted; raises for any other."""
        response = await self._send(endpoint, method, query)
        if response[0] not in accepted:
            _require_ok(endpoint, response)
        return response[0]

    async def _send(self, endpoint: RgwEndpoint, method: str, query: Mapping[str, str]) -> Response:
        """Signs and sends a request; the query may contain a key, so no message quotes it."""
        proxy = choose_proxy(self._egress, f"`{endpoint.spec}.provision.adminURL`", endpoint.url)
        base = urlsplit(endpoint.url)
        path = f"{base.path.rstrip('/')}/admin/user"
        keys = KeyPair(endpoint.access_key, endpoint.secret_key)
        headers = sign(Request(method, _host(endpoint.url, endpoint.spec), path, query), keys, datetime.now(UTC))
        url = URL(f"{base.scheme}://{base.netloc}{path}?{canonical_query(query)}", encoded=True)
        trust = _ssl_context(endpoint)
        timeout = aiohttp.ClientTimeout(total=DEADLINE_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
                session.request(
                    method,
                    url,
                    headers=headers | IDENTITY,
                    # Signature V4 covers a Content-Type that is sent; Ceph 20 refuses a request where it does not.
                    skip_auto_headers=["Content-Type"],
                    ssl=trust,
                    allow_redirects=False,
                    proxy=proxy.url.get_secret_value() if proxy else None,
                ) as response,
            ):
                check_proxy_login(proxy, response.status)
                return response.status, await read_body(response), response.headers.get("Retry-After", "")
        except UnacceptableBody as error:
            raise _not_rgw(endpoint, f"answers with {error}") from None
        except aiohttp.ClientConnectorCertificateError:
            raise as_error(explain_untrusted(endpoint.url, endpoint.ca_secret, endpoint.spec)) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise as_error(explain_no_admin_answer(endpoint.url, describe_failure(error, proxy))) from None


def _not_rgw(endpoint: RgwEndpoint, detail: str) -> Refused | Unavailable:
    return as_error(explain_not_rgw(endpoint.url, detail, endpoint.spec))


def _host(url: str, spec: str) -> str:
    """Returns the Host header of the URL; raises Refused(INVALID_SPEC)."""
    try:
        return host_header(URL(url))
    except ValueError:
        raise as_error(explain_unusable_admin_url(url, spec)) from None


def _ssl_context(endpoint: RgwEndpoint) -> ssl.SSLContext | bool:
    if not endpoint.url.startswith("https:"):
        return True
    try:
        return tls.ssl_context(endpoint.ca_pem or "")
    except tls.InvalidCaBundle:
        raise as_error(explain_untrusted(endpoint.url, endpoint.ca_secret, endpoint.spec)) from None


def _require_ok(endpoint: RgwEndpoint, response: Response) -> None:
    status, body, retry_after = response
    if status != HTTPStatus.OK:
        finding = explain_admin_error(status, error_code(body), endpoint.url, endpoint.secret, endpoint.spec)
        raise as_error(finding, retry_after_seconds(retry_after))


def _user(user: dict[str, Any]) -> RgwUser:
    quota = user.get("user_quota", {})
    return RgwUser(
        uid=user["user_id"],
        display_name=user["display_name"],
        subusers={entry["id"]: entry["permissions"] for entry in user["subusers"]},
        swift_keys={entry["user"]: SecretStr(entry["secret_key"]) for entry in user["swift_keys"]},
        s3_keys={entry["access_key"]: SecretStr(entry["secret_key"]) for entry in user["keys"]},
        suspended=bool(user.get("suspended")),
        quota=Quota(enabled=bool(quota.get("enabled")), kib=max(0, quota.get("max_size_kb", 0))),
    )
