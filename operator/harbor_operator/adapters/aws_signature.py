"""AWS signature version 4 for S3: pure functions, tested with Amazon's published vectors."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from urllib.parse import quote

from pydantic import SecretStr

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "s3"
EMPTY_BODY = hashlib.sha256(b"").hexdigest()
UNSIGNED_BODY = "UNSIGNED-PAYLOAD"

_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The keys of a signature; `region` must be the one that the server expects."""

    access_key: str
    secret_key: SecretStr
    region: str = "us-east-1"


@dataclass(frozen=True, slots=True)
class Request:
    """The signed part of a request; `path` is not yet quoted, `body_digest` is the SHA-256 of the body in hex.

    `headers` are further signed headers, with lower-case names and without blanks around their values.
    """

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] | None = None
    body_digest: str = EMPTY_BODY


def canonical_query(query: Mapping[str, str]) -> str:
    """Returns the query string as it is signed, sorted and with blanks as %20; it must be sent unchanged."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))


def sign(request: Request, keys: KeyPair, now: datetime) -> dict[str, str]:
    """Returns the headers to send with the request, the signature among them; `now` is in UTC."""
    stamp = now.strftime(_TIME)
    digest = {"x-amz-content-sha256": request.body_digest, "x-amz-date": stamp}
    headers = {"host": request.host, **digest, **(request.headers or {})}
    signature = _signature(request, headers, request.body_digest, keys, stamp)
    credential = f"Credential={keys.access_key}/{_scope(keys, stamp)}"
    signed = f"SignedHeaders={_names(headers)}"
    return {**headers, "Authorization": f"{ALGORITHM} {credential},{signed},Signature={signature}"}


def presign(request: Request, keys: KeyPair, now: datetime, seconds: int) -> str:
    """Returns the query string that authorizes the request for `seconds` without a header; `now` is in UTC."""
    stamp, headers = now.strftime(_TIME), {"host": request.host}
    query = {
        **request.query,
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{keys.access_key}/{_scope(keys, stamp)}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": _names(headers),
    }
    signature = _signature(replace(request, query=query), headers, UNSIGNED_BODY, keys, stamp)
    return f"{canonical_query(query)}&X-Amz-Signature={signature}"


def _signature(request: Request, headers: Mapping[str, str], body: str, keys: KeyPair, stamp: str) -> str:
    lines = [f"{name}:{headers[name]}" for name in sorted(headers)]
    path, query = quote(request.path, safe="/-_.~"), canonical_query(request.query)
    canonical = "\n".join([request.method, path, query, *lines, "", _names(headers), body])
    scope = _scope(keys, stamp)
    text = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    initial = b"AWS4" + keys.secret_key.get_secret_value().encode()
    key = reduce(lambda derived, part: hmac.digest(derived, part.encode(), "sha256"), scope.split("/"), initial)
    return hmac.digest(key, text.encode(), "sha256").hex()


def _scope(keys: KeyPair, stamp: str) -> str:
    return f"{stamp[:8]}/{keys.region}/{SERVICE}/aws4_request"


def _names(headers: Mapping[str, str]) -> str:
    return ";".join(sorted(headers))
