"""One HTTP exchange with Harbor: TLS trust, deadline, size limits, no cookies, and the exceptions of the ports."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from harbor_operator.adapters.harbor_sessions import DEADLINE_SECONDS, session_for
from harbor_operator.adapters.http_body import IDENTITY, UnacceptableBody, read_body
from harbor_operator.adapters.http_headers import retry_after_seconds
from harbor_operator.adapters.http_proxy import check_proxy_login, choose_proxy, proxy_failure
from harbor_operator.checks.egress import describe_proxy_failure
from harbor_operator.checks.reachability import (
    explain_busy,
    explain_no_answer,
    explain_server_error,
    explain_unacceptable_answer,
    explain_untrusted,
)
from harbor_operator.model.egress import UNRESTRICTED, Egress, Proxy
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.ports import Refused, Unavailable, as_error

T = TypeVar("T")

ANNOUNCE_SECONDS = 5.0
"""For the answer to an announced body; a server may ignore `Expect` and wait for the body (RFC 9110, 10.1.1)."""
CONTINUE_SECONDS = 2.0
"""For the final answer after "100 Continue": a proxy that does not buffer has asked the server behind it by then."""
MAX_MESSAGE_CHARACTERS = 300

_SOURCE = "`spec.externalURL` or `spec.internalURL`"
_BUSY = {429, 502, 503, 504}  # the answers of proxies whose server is gone or not ready


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request; `body` is sent as JSON, `data` as it is. `bearer` replaces the login of the endpoint.

    With `expects_continue` the client waits for "100 Continue" before it sends `data`, so that it reads the answer of a
    proxy that refuses the body and closes the connection. Harbor's core then replaces a success of the registry by 200.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    data: bytes = b""
    bearer: str = ""
    expects_continue: bool = False

    @property
    def title(self) -> str:
        """The request in a message."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What followed a request without its body: the final response, and whether "100 Continue" came."""

    response: HttpResponse | None
    is_invited: bool


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response of `endpoint` to `request`, with the whole body."""

    endpoint: HarborEndpoint
    request: HttpRequest
    status: int
    headers: Mapping[str, str]
    content: bytes

    def decode(self, decoder: Callable[[Any], T]) -> T:
        """Returns the decoded JSON body (None for an empty one); raises Refused if Harbor never sends such a body."""
        try:
            return decoder(json.loads(self.content) if self.content else None)
        except RecursionError:
            raise self.refused("JSON that is nested too deeply") from None
        except (ValueError, LookupError, TypeError, AttributeError):
            raise self.refused(f"HTTP {self.status} and a body that is not Harbor's") from None

    def refused(self, detail: str) -> Refused | Unavailable:
        """Returns the exception for an answer that Harbor never gives."""
        return as_error(explain_unacceptable_answer(self.endpoint.url, self.request.title, detail))

    @property
    def error_message(self) -> str:
        """Harbor's own error message, else the status; error answers may have no body, or one of a proxy."""
        try:
            text = str(json.loads(self.content)["errors"][0]["message"])
        except (ValueError, LookupError, TypeError, RecursionError):
            return f"HTTP {self.status}"
        return _without_repetition(text)[:MAX_MESSAGE_CHARACTERS] or f"HTTP {self.status}"


def _without_repetition(text: str) -> str:
    # Below /v2/ a message stands twice: 'project x not found: project x not found'.
    half = text[: (len(text) - 2) // 2]
    return half if text == f"{half}: {half}" else text


class HarborHttp:
    """Sends requests to Harbor; `egress` holds the allowed hosts and the proxies."""

    def __init__(self, egress: Egress = UNRESTRICTED) -> None:
        self._egress = egress

    async def send(self, endpoint: HarborEndpoint, request: HttpRequest) -> HttpResponse:
        """Returns any response, redirects and errors included.

        Raises Unavailable if none arrives or only a proxy's.
        """
        response = await self.send_raw(endpoint, request)
        if response.status in _BUSY:
            finding = explain_busy(endpoint.url, request.title, response.status)
            raise as_error(finding, retry_after_seconds(response.headers.get("Retry-After")))
        return response

    async def send_raw(self, endpoint: HarborEndpoint, request: HttpRequest) -> HttpResponse:
        """Returns any response, a proxy's included.

        Raises Unavailable if none arrives, Refused if it is too large or the host is not allowed.
        """
        data = BytesIO(request.data) if request.data else None
        async with self._exchange(endpoint, request, data) as response:
            return HttpResponse(endpoint, request, response.status, response.headers, await read_body(response))

    async def announce(self, endpoint: HarborEndpoint, request: HttpRequest, size: int) -> Announcement:
        """Announces a body of `size` bytes with `Expect: 100-continue` and sends none of it.

        Returns the head of the final response, if one arrives within ANNOUNCE_SECONDS, or within CONTINUE_SECONDS
        after the interim response "100 Continue". Raises as `send_raw` does.
        """
        is_invited, response = False, None
        clock = asyncio.get_running_loop().time
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANNOUNCE_SECONDS) as deadline:

                async def no_body() -> AsyncIterator[bytes]:
                    nonlocal is_invited
                    is_invited = True
                    deadline.reschedule(clock() + CONTINUE_SECONDS)
                    await asyncio.Event().wait()  # until the exchange ends
                    yield b""

                headers = {**request.headers, "Content-Length": str(size)}
                announced = replace(request, headers=headers, expects_continue=True)
                async with self._exchange(endpoint, announced, no_body()) as answer:
                    response = HttpResponse(endpoint, request, answer.status, answer.headers, b"")
        return Announcement(response, is_invited)

    def proxy_of(self, endpoint: HarborEndpoint) -> Proxy | None:
        """Returns the proxy of the endpoint; raises Refused if its host is not allowed."""
        return choose_proxy(self._egress, _SOURCE, endpoint.url)

    @asynccontextmanager
    async def _exchange(
        self, endpoint: HarborEndpoint, request: HttpRequest, data: BytesIO | AsyncIterator[bytes] | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        proxy = self.proxy_of(endpoint)
        try:
            async with (
                session_for(endpoint.ca, request.method) as session,
                session.request(
                    request.method,
                    _url(endpoint, request),
                    headers=_headers(endpoint, request),
                    json=request.body,
                    data=data,
                    expect100=request.expects_continue,
                    allow_redirects=False,
                    proxy=proxy.url.get_secret_value() if proxy else None,
                ) as response,
            ):
                check_proxy_login(proxy, response.status)
                yield response
        except UnacceptableBody as error:
            raise as_error(explain_unacceptable_answer(endpoint.url, request.title, str(error))) from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise as_error(explain_untrusted(endpoint.url, str(error.certificate_error))) from error
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            # Without the chain: an error of aiohttp refers to the request, and that to the login of the proxy.
            raise unreachable(endpoint.url, error, proxy) from None


def unreachable(url: str, error: Exception, proxy: Proxy | None = None) -> Refused | Unavailable:
    """Returns the exception for a URL from which no valid answer arrives."""
    if proxy and (failure := proxy_failure(error)):
        return as_error(explain_no_answer(url, describe_proxy_failure(proxy, failure)))
    if isinstance(error, TimeoutError):
        detail = f"no answer in {DEADLINE_SECONDS:g} seconds"
    elif isinstance(error, aiohttp.ClientResponseError):
        # The text quotes what the server sent.
        detail = "the answer is not HTTP, or its headers are too large"
    else:
        detail = str(error)[:MAX_MESSAGE_CHARACTERS]
    return as_error(explain_no_answer(url, detail if proxy is None else f"{detail} (through proxy '{proxy.address}')"))


def server_error(response: HttpResponse) -> Refused | Unavailable:
    """Returns the exception for an internal error of Harbor."""
    return as_error(explain_server_error(response.endpoint.url, response.request.title, response.status))


def location_path(endpoint: HarborEndpoint, location: str) -> str:
    """Returns path and query of a Location; '' if it has none, or one that would change the host of the request.

    'a:b@evil' is such a Location: it has the path 'b@evil', which turns 'https://registry' into a user name.
    """
    parts = urlsplit(urljoin(endpoint.url, location))
    if not location or not parts.path.startswith("/"):
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _url(endpoint: HarborEndpoint, request: HttpRequest) -> URL:
    # Taken literally: the registry signs the query of an upload's Location.
    url = URL(endpoint.url + request.path, encoded=True)
    return url.with_query(dict(request.query)) if request.query else url


def _headers(endpoint: HarborEndpoint, request: HttpRequest) -> dict[str, str]:
    headers = {**IDENTITY, **request.headers}
    if request.bearer:
        headers["Authorization"] = f"Bearer {request.bearer}"
    elif endpoint.login:
        password = endpoint.login.password.get_secret_value()
        headers["Authorization"] = aiohttp.encode_basic_auth(endpoint.login.username, password, encoding="utf-8")
    return headers
