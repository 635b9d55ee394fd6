"""One connection to a Swift store: login, requests, and the mapping of failures to findings.

No text of the client's exceptions reaches a message, because it quotes headers and bodies: a finding contains the
status, one error word and the URL.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn

import requests
from pydantic import SecretStr
from swiftclient import ClientException
from urllib3.exceptions import HTTPError

from harbor_operator.adapters import tls
from harbor_operator.adapters.http_body import MAX_BODY_BYTES, UnacceptableBody
from harbor_operator.adapters.http_headers import requested_part, retry_after_seconds
from harbor_operator.adapters.http_proxy import choose_proxy, proxy_refusal
from harbor_operator.adapters.swift_transport import Sockets, SwiftConnection, Transport
from harbor_operator.checks.egress import describe_proxy_failure
from harbor_operator.checks.storage import (
    error_code,
    explain_no_answer,
    explain_no_login,
    explain_other_range,
    explain_store_error,
    explain_unacceptable_answer,
    explain_untrusted,
)
from harbor_operator.model.egress import UNRESTRICTED, Egress, Proxy
from harbor_operator.model.storage import Container, ObjectPart, Operation, StoreError, SwiftAccount, SwiftSession
from harbor_operator.ports import Refused, Unavailable, as_error

SOCKET_TIMEOUT_SECONDS = 10.0
"""For one connection attempt and, by default, for the time between two reads."""
_CERTIFICATE_ERROR = re.compile("certificate|x509|pem lib", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Route:
    """How a call reaches a store: its sockets, the administrator's rules, and the seconds between two reads.

    `max_bytes` is the limit of each answer.
    """

    sockets: Sockets
    egress: Egress = UNRESTRICTED
    read_seconds: float = SOCKET_TIMEOUT_SECONDS
    max_bytes: int = MAX_BODY_BYTES


def log_in(account: SwiftAccount, route: Route) -> SwiftSession:
    """Requests a token without the client's own login, which follows redirects and sends the key along."""
    about = StoreError(Operation.LOGIN, 0, account.auth_url, account.username, account.secret)
    headers = {"X-Auth-User": account.username, "X-Auth-Key": account.password.get_secret_value()}
    proxy = choose_proxy(route.egress, "`spec.storage.swift.authURL`", account.auth_url)
    no_session = SwiftSession(account, account.auth_url, SecretStr(""))
    with map_errors(about, account, proxy), _opened(no_session, route, proxy) as client:
        client.http_conn = parsed, connection = client.http_connection()  # the client closes it
        connection.request("GET", parsed.path, "", headers)
        response = connection.getresponse()
        body = response.read()
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            raise ClientException.from_response(response, "", body)
        url, token = response.getheader("x-storage-url"), response.getheader("x-auth-token")
    if not url or not token:
        raise as_error(explain_no_login(account.auth_url, response.status))
    return SwiftSession(account, url, SecretStr(token))


@contextmanager
def connected(session: SwiftSession, route: Route, about: StoreError) -> Iterator[Any]:
    """Yields a client with the session's token, for one thread; `about` describes a failure inside."""
    proxy = proxy_of(session, route.egress)
    with map_errors(about, session.account, proxy), _opened(session, route, proxy) as client:
        yield client


def proxy_of(session: SwiftSession, egress: Egress) -> Proxy | None:
    """Returns the proxy that leads to the session's storage URL, if any. Raises Refused(HOST_NOT_ALLOWED)."""
    return choose_proxy(egress, "the storage URL of `spec.storage.swift.authURL`", session.storage_url)


def new_client(session: SwiftSession, route: Route, proxy: Proxy | None) -> SwiftConnection:
    """Returns a client that is not connected yet; raises Refused if the account's CA bundle has no certificate."""
    transport = Transport(
        _ssl_context(session.account), (SOCKET_TIMEOUT_SECONDS, route.read_seconds), proxy, route.max_bytes
    )
    return SwiftConnection(session.storage_url, session.token.get_secret_value(), transport, route.sockets)


@contextmanager
def _opened(session: SwiftSession, route: Route, proxy: Proxy | None) -> Iterator[SwiftConnection]:
    client = new_client(session, route, proxy)
    try:
        yield client
    finally:
        client.close()
        route.sockets.close()


def _ssl_context(account: SwiftAccount) -> ssl.SSLContext:
    try:
        return tls.ssl_context(account.ca_pem or "")
    except tls.InvalidCaBundle:
        raise as_error(explain_untrusted(account.auth_url, account.ca_secret)) from None


@contextmanager
def map_errors(about: StoreError, account: SwiftAccount, proxy: Proxy | None) -> Iterator[None]:
    """Raises every failure of the client as an exception of the ports, without its text or its traceback."""
    try:
        yield
    except ClientException as error:
        if proxy and error.http_status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            failure = describe_proxy_failure(proxy, proxy_refusal(error.http_status))
            raise no_answer(about.url, failure, about.size) from None
        _raise_store_error(about, error)
    except UnacceptableBody as error:
        raise as_error(explain_unacceptable_answer(about.url, str(error))) from None
    except requests.exceptions.SSLError as error:
        if not _CERTIFICATE_ERROR.search(str(error)):
            raise no_answer(about.url, "no TLS is spoken there, or another version", about.size) from None
        raise as_error(explain_untrusted(about.url, account.ca_secret)) from None
    except requests.exceptions.ProxyError as error:
        failure = describe_proxy_failure(proxy, _proxy_failure(error)) if proxy else type(error).__name__
        raise no_answer(about.url, failure, about.size) from None
    except (requests.RequestException, HTTPError, OSError) as error:
        raise no_answer(about.url, _system_error(error), about.size) from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # The client parses listings and URLs without a check.
        raise as_error(explain_unacceptable_answer(about.url, "a body that is not Swift's")) from None


def _raise_store_error(about: StoreError, error: ClientException) -> NoReturn:
    headers = error.http_response_headers or {}
    observed = StoreError(
        about.operation,
        error.http_status or 0,
        about.url,
        about.username,
        about.secret,
        code=error_code(error.http_response_content or b""),
        from_store=bool(error.transaction_id),
        size=about.size,
        location=str(headers.get("location", "")).partition("?")[0],
    )
    raise as_error(explain_store_error(observed), retry_after_seconds(headers.get("retry-after"))) from None


def no_answer(url: str, detail: str, size: int = 0) -> Refused | Unavailable:
    """Returns the exception for the absence of a valid answer; `size` is that of the body sent."""
    return as_error(explain_no_answer(url, detail, size))


def _proxy_failure(error: requests.exceptions.ProxyError) -> str:
    # http.client has the status only in the text "Tunnel connection failed: 407 Proxy Authentication Required".
    status = re.search(r"Tunnel connection failed: ([0-9]{3}) ", str(error))
    return proxy_refusal(int(status[1])) if status else f"does not answer: {_system_error(error)}"


def _system_error(error: BaseException) -> str:
    """Returns the system's text of an error, found along the chain of exceptions, else the exception's name."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def operation_error(container: Container, operation: Operation, url: str, size: int = 0) -> StoreError:
    """Returns an error of a request to Swift without what the answer adds to it, such as the status."""
    account = container.session.account
    return StoreError(operation, 0, url, account.username, account.secret, size=size)


def object_url(container: Container, name: str) -> str:
    """Returns the URL of an object, or of the container if the name is empty."""
    return f"{container.session.storage_url}/{container.name}/{name}".rstrip("/")


def unless_missing(request: Callable[..., Any], *names: str) -> Any:
    """Returns the client's answer, or None for what does not exist."""
    try:
        return request(*names)
    except ClientException as error:
        if error.http_status == HTTPStatus.NOT_FOUND:
            return None
        raise


def unless_outside(request: Callable[[], Any]) -> Any:
    """Returns the client's answer to a request for a range: None for what does not exist, "" behind the end."""
    try:
        return request()
    except ClientException as error:
        if error.http_status == HTTPStatus.NOT_FOUND:
            return None
        if error.http_status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return ""
        raise


def read_part(answer: Any, url: str, offset: int, size: int) -> ObjectPart | None:
    """Returns the part in an answer of `unless_outside`. Raises Refused(STORAGE_PROBE_FAILED) for another range."""
    if not answer:
        return None if answer is None else ObjectPart(b"", offset)
    headers, body = answer
    part = requested_part(str(headers.get("content-range", "")), bytes(body), offset, size)
    if part is None:
        raise as_error(explain_other_range(url))
    return part


def remove_container(client: Any, name: str) -> bool:
    """Removes an empty container; returns False for one that is not empty."""
    try:
        unless_missing(client.delete_container, name)
    except ClientException as error:
        if error.http_status == HTTPStatus.CONFLICT:
            return False
        raise
    return True
