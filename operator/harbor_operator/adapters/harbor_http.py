"""One HTTP exchange with Harbor: trust, deadline, no cookies, and errors in the house's two words."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from typing import Any

import aiohttp
from yarl import URL

from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

# Harbor's health check waits ten seconds for a Redis that is gone, and a wrong password costs it more than one.
DEADLINE = 20.0

_BUSY = {429, 502, 503, 504}  # what proxies say when the server behind them is not there, or not yet


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What is sent; `body` goes as JSON, `data` as it is."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    data: bytes = b""
    bearer: str = ""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """Returns the parsed body, None for an empty one; Refused if it is no JSON, for then it is not Harbor's."""
        if not self.content:
            return None
        try:
            return json.loads(self.content)
        except ValueError as error:
            message = "the answer is no JSON: something other than Harbor's API answers; check `spec.externalURL`"
            raise Refused(Reason.REGISTRY_NOT_HARBOR, message) from error

    @property
    def message(self) -> str:
        """Harbor's own words for what is wrong."""
        try:
            errors = json.loads(self.content)["errors"]
            return str(errors[0]["message"])
        except (ValueError, KeyError, IndexError, TypeError):
            return f"HTTP {self.status}"


async def send(access: HarborEndpoint, ask: HttpRequest) -> HttpResponse:
    """Returns whatever is answered, redirects and errors included; Unavailable if nothing or only a proxy answers."""
    answer = await send_raw(access, ask)
    if answer.status in _BUSY:
        waits = answer.headers.get("Retry-After", "")
        message = f"{access.url} answers HTTP {answer.status} to {ask.method} {ask.path}: Harbor behind it is not ready"
        raise Unavailable(message, Reason.REGISTRY_UNREACHABLE, float(waits) if waits.isdigit() else None)
    return answer


async def send_raw(access: HarborEndpoint, ask: HttpRequest) -> HttpResponse:
    """Returns whatever is answered, by whomever; Unavailable if nothing is."""
    # A cookie makes Harbor take us for a browser and demand a CSRF token, hence no jar.
    connector = aiohttp.TCPConnector(ssl=ssl_context(access.ca), force_close=True)
    timeout = aiohttp.ClientTimeout(total=DEADLINE)
    jar = aiohttp.DummyCookieJar()
    try:
        async with (
            aiohttp.ClientSession(connector=connector, cookie_jar=jar, timeout=timeout) as session,
            session.request(
                ask.method,
                _url(access, ask),
                headers=_headers(access, ask),
                json=ask.body,
                data=BytesIO(ask.data) if ask.data else None,
                # A proxy that refuses a large body may close the connection before we have read why.
                expect100=bool(ask.data),
                allow_redirects=False,
            ) as response,
        ):
            return HttpResponse(response.status, response.headers, await response.read())
    except aiohttp.ClientConnectorCertificateError as error:
        message = f"the certificate of {access.url} is not trusted ({error.certificate_error}); see `spec.caSecretRef`"
        raise Refused(Reason.CERTIFICATE_UNTRUSTED, message) from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise unreachable(access.url, error) from error


def unreachable(url: str, error: Exception) -> Unavailable:
    """The exception for a URL at which nobody answers."""
    cause = f"no answer in {DEADLINE:.0f} seconds" if isinstance(error, TimeoutError) else str(error)
    message = f"{url} cannot be reached from the operator: {cause}; check DNS, the proxy or ingress, and Harbor"
    return Unavailable(message, Reason.REGISTRY_UNREACHABLE)


def server_error(access: HarborEndpoint, what: str, status: int) -> Unavailable:
    """The exception for a Harbor that answers and cannot do it: no verdict on whatever was asked."""
    message = f"{access.url} answers HTTP {status} to {what}: the cause is in the log of core"
    return Unavailable(message, Reason.REGISTRY_UNHEALTHY)


@lru_cache(maxsize=64)
def ssl_context(ca: str) -> ssl.SSLContext:
    """The trust of a container runtime: the given CAs, or the system's; names count only as alternative names."""
    try:
        context = ssl.create_default_context(cadata=ca or None)
    except (ssl.SSLError, ValueError) as error:
        message = "the Secret named by `spec.caSecretRef` holds no PEM certificates under its key"
        raise Refused(Reason.SECRET_INVALID, message) from error
    context.hostname_checks_common_name = False
    context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    return context


def _url(access: HarborEndpoint, ask: HttpRequest) -> URL:
    # Taken literally: the registry signs what it puts into an upload's Location.
    url = URL(access.url + ask.path, encoded=True)
    return url.with_query(dict(ask.query)) if ask.query else url


def _headers(access: HarborEndpoint, ask: HttpRequest) -> dict[str, str]:
    headers = dict(ask.headers)
    if ask.bearer:
        headers["Authorization"] = f"Bearer {ask.bearer}"
    elif access.login:
        password = access.login.password.get_secret_value()
        headers["Authorization"] = aiohttp.encode_basic_auth(access.login.username, password, encoding="utf-8")
    return headers
