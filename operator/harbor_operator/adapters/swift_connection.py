"""One connection to a Swift store: opened with nothing from the environment, its failures turned into findings.

No text of the client's exceptions, which quote headers and bodies, reaches a message: a finding is made from the
status, one error word and the URL.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from tempfile import NamedTemporaryFile
from typing import Any, NoReturn

import requests
from pydantic import SecretStr
from swiftclient import ClientException, Connection
from urllib3.exceptions import HTTPError

from harbor_operator.checks.storage import error_code, explain_store_error, untrusted, while_sending
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.storage import Container, Operation, StoreError, SwiftAccount, SwiftSession
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

SECONDS = 10.0
"""For one connection attempt and, where nothing else is said, for one silence of the server."""
_ABOUT_CERTIFICATES = re.compile("certificate|x509|pem lib", re.IGNORECASE)


def log_in(account: SwiftAccount) -> SwiftSession:
    """Asks for a token by ourselves: the client's own login follows redirects and would take the key along."""
    about = StoreError(Operation.LOGIN, 0, account.auth_url, account.username, account.secret)
    headers = {"X-Auth-User": account.username, "X-Auth-Key": account.password.get_secret_value()}
    with map_errors(about, account), _opened(account, account.auth_url, None, SECONDS) as connection:
        parsed, wire = connection.http_conn
        wire.request("GET", parsed.path, "", headers)
        response = wire.getresponse()
        body = response.read()
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            raise ClientException.from_response(response, "", body)
        url, token = response.getheader("x-storage-url"), response.getheader("x-auth-token")
    if not url or not token:
        raise Refused(
            Reason.STORAGE_UNREACHABLE,
            f"'{account.auth_url}' answered {response.status} without X-Storage-Url and X-Auth-Token: it is no version "
            "1 login of a Swift store; see `spec.storage.swift.authURL`",
        )
    return SwiftSession(account, url, SecretStr(token))


@contextmanager
def connected(at: Container, seconds: float = SECONDS) -> Iterator[Any]:
    """Gives a client connection with the session's token, for one thread."""
    with _opened(at.session.account, at.session.storage_url, at.session.token, seconds) as connection:
        yield connection


@contextmanager
def _opened(account: SwiftAccount, url: str, token: SecretStr | None, seconds: float) -> Iterator[Any]:
    """A connection without retries, redirects, proxies or anything else of the environment."""
    with _trusted(account.ca_pem) as authorities:
        given = token.get_secret_value() if token else None
        connection = Connection(
            preauthurl=url, preauthtoken=given, retries=0, cacert=authorities, timeout=(SECONDS, seconds)
        )
        connection.http_conn = connection.http_connection()
        wire = connection.http_conn[1]
        wire.request_session.trust_env = False
        wire.requests_args["allow_redirects"] = False
        try:
            yield connection
        except HTTPError:
            _raise_answered(wire.resp)
            raise
        finally:
            connection.close()


def _raise_answered(response: Any) -> None:
    """Keeps the status of an error whose body was cut: servers that refuse a large body hang up in mid-sentence."""
    if response is not None and response.status_code >= HTTPStatus.BAD_REQUEST:
        raise ClientException.from_response(response, "", b"-") from None


@contextmanager
def _trusted(pem: str | None) -> Iterator[str | None]:
    """The CAs as a path, because the client takes nothing else; a given PEM lives in a file of ours for the call."""
    if pem is None:
        places = ssl.get_default_verify_paths()
        yield places.cafile or places.capath
        return
    with NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        yield file.name


@contextmanager
def map_errors(about: StoreError, account: SwiftAccount) -> Iterator[None]:
    """Turns every failure of the client into one of ours, with nothing of its text or its traceback."""
    try:
        yield
    except ClientException as error:
        _raise_denied(about, error)
    except requests.exceptions.SSLError as error:
        if not _ABOUT_CERTIFICATES.search(str(error)):
            raise unanswered(about.url, "no TLS is spoken there, or another version", about.size) from None
        finding = untrusted(about.url, account.ca_secret)
        raise Refused(finding.reason, finding.message) from None
    except (requests.RequestException, HTTPError, OSError) as error:
        raise unanswered(about.url, _kind(error), about.size) from None


def _raise_denied(about: StoreError, error: ClientException) -> NoReturn:
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
    finding = explain_store_error(observed)
    if isinstance(finding, Blocked):
        raise Refused(finding.reason, finding.message) from None
    later = str(headers.get("retry-after", ""))
    raise Unavailable(finding.message, finding.reason, float(later) if later.isdigit() else None) from None


def unanswered(url: str, kind: str, size: int = 0) -> Unavailable:
    """Says that nothing sensible came back, and what the system called it."""
    hint = while_sending(size)
    return Unavailable(f"the object store at '{url}' does not answer ({kind}){hint}", Reason.STORAGE_UNREACHABLE)


def _kind(error: BaseException) -> str:
    """The system's word for what happened, found along the chain of wrapped exceptions, else the exception's name."""
    observed: BaseException | None = error
    while observed is not None:
        if isinstance(observed, OSError) and observed.strerror:
            return observed.strerror
        observed = observed.__cause__ or observed.__context__
    return type(error).__name__


def operation_error(at: Container, operation: Operation, url: str, size: int = 0) -> StoreError:
    """What to say should the request be denied; the answer fills in the rest."""
    account = at.session.account
    return StoreError(operation, 0, url, account.username, account.secret, size=size)


def object_url(at: Container, name: str) -> str:
    """The URL of an object, or of the container if the name is empty."""
    return f"{at.session.storage_url}/{at.name}/{name}".rstrip("/")


def unless_missing(ask: Callable[..., Any], *names: str) -> Any:
    """Returns the client's answer, or None for what does not exist."""
    try:
        return ask(*names)
    except ClientException as error:
        if error.http_status == HTTPStatus.NOT_FOUND:
            return None
        raise


def remove_container(wire: Any, name: str) -> bool:
    """Removes an empty container; says no to one that holds something."""
    try:
        unless_missing(wire.delete_container, name)
    except ClientException as error:
        if error.http_status == HTTPStatus.CONFLICT:
            return False
        raise
    return True
