"""AWS signature version 4 for S3: pure functions, tested with Amazon's published vectors."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from urllib.parse import quote

from pydantic import SecretStr

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "s3"
EMPTY_BODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The keys of a signature; `region` must be the one that the server expects."""

    access_key: str
    secret_key: SecretStr
    region: str = "us-east-1"


@dataclass(frozen=True, slots=True)
class Request:
    """The signed part of a request; the body is empty, `path` is not yet quoted."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] | None = None


def canonical_query(query: Mapping[str, str]) -> str:
    """Returns the query string as it is signed, sorted and with blanks as %20; it must be sent unchanged."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))


def sign(request: Request, keys: KeyPair, now: datetime) -> dict[str, str]:
    """Returns the headers to send with the request, the signature among them; `now` is in UTC."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{keys.region}/{SERVICE}/aws4_request"
    headers = {"host": request.host, "x-amz-content-sha256": EMPTY_BODY, "x-amz-date": stamp, **(request.headers or {})}
    names = ";".join(sorted(headers))
    lines = [f"{name}:{headers[name]}" for name in sorted(headers)]
    path, query = quote(request.path, safe="/-_.~"), canonical_query(request.query)
    canonical = "\n".join([request.method, path, query, *lines, "", names, EMPTY_BODY])
    text = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    initial = b"AWS4" + keys.secret_key.get_secret_value().encode()
    key = reduce(lambda derived, part: hmac.digest(derived, part.encode(), "sha256"), scope.split("/"), initial)
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential={keys.access_key}/{scope}"
    return {**headers, "Authorization": f"{ALGORITHM} {credential},SignedHeaders={names},Signature={signature}"}
