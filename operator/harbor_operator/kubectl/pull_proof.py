"""The pull of an image up to its manifest, as a container runtime does it: challenge, token, HEAD.

It runs where this command runs, so the network and the trusted CAs are those of this computer and not of a node. A
redirect is never followed, and a login goes only to a verified TLS server.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from harbor_operator.kubectl.errors import CommandError
from harbor_operator.plan.keyring import DOCKER_HUB, Credential, Image
from harbor_operator.reasons import Reason

TIMEOUT_SECONDS = 20.0
MAX_BODY_BYTES = 1 << 20
_HARBOR = "harbor-registry"
_HUB_SERVER = "registry-1.docker.io"
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
# OpenSSL's X509_V_ERR_*: not yet valid, expired; host name, address.
_FAULTS = {9: Reason.CERTIFICATE_EXPIRED, 10: Reason.CERTIFICATE_EXPIRED} | dict.fromkeys(
    (62, 64), Reason.CERTIFICATE_HOST_MISMATCH
)


class Step(NamedTuple):
    """One step that was tried; `problem` is a heading of docs/problems.md, empty if it succeeded."""

    text: str
    problem: str = ""


class Answer(NamedTuple):
    """Status, headers (lower case) and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Failed(Exception):  # noqa: N818 - a step, not an error
    """A step that ends the proof."""

    def __init__(self, problem: str, text: str) -> None:
        super().__init__(text)
        self.step = Step(text, problem)


class PullProof:
    """Proves pulls from one registry; `ca_file` is a PEM bundle beside the CAs of this computer."""

    def __init__(self, ca_file: str = "") -> None:
        context = ssl.create_default_context()
        # As kubectl and Harbor do: Python 3.13 would refuse certificates without key identifiers.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if ca_file:
            try:
                context.load_verify_locations(ca_file)
            except (OSError, ssl.SSLError) as error:
                raise CommandError(f"`--ca-file {ca_file}` is no file with PEM certificates: {error}") from None
        self._opener = urllib.request.OpenerDirector()
        # Without a handler of redirects, a redirect is an answer: it could lead a login to another server.
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
        ):
            self._opener.add_handler(handler)

    def run(self, image: Image, credential: Credential | None) -> list[Step]:
        """Returns the steps; the last one has the problem, if any. Without a repository, only the login is tried."""
        steps: list[Step] = []
        try:
            steps.extend(self._steps(image, credential))
        except _Failed as failed:
            steps.append(failed.step)
        return steps

    def _steps(self, image: Image, credential: Credential | None) -> Iterator[Step]:
        server = f"https://{_HUB_SERVER if image.host == DOCKER_HUB else image.host}"
        login = _basic(credential) if credential else ""
        challenge = self._challenge(server)
        yield Step(f"{server}/v2/ answers as a registry, with a trusted certificate")
        if credential and challenge.get("service") == _HARBOR:
            # Harbor's token service answers 200 also to a wrong secret, so /v2/ decides.
            if self._send("GET", f"{server}/v2/", login).status == HTTPStatus.UNAUTHORIZED:
                raise _Failed(
                    Reason.PULL_CREDENTIAL_REJECTED, f"the registry rejects the login '{credential.username}'"
                )
            yield Step(f"the registry accepts the login '{credential.username}'")
        authorization = login
        if challenge.get("scheme") == "bearer":
            token = self._token(challenge, server, image.repository, login)
            authorization = f"Bearer {token}"
        if not image.repository:
            return
        if challenge.get("service") == _HARBOR and "pull" not in _actions(authorization, image.repository):
            raise self._denied(server, image, login)
        found = self._send("HEAD", f"{server}/v2/{image.repository}/manifests/{image.reference}", authorization)
        yield self._manifest(image, found, server, login)

    def _challenge(self, server: str) -> dict[str, str]:
        answer = self._send("GET", f"{server}/v2/")
        scheme, _, parameters = answer.headers.get("www-authenticate", "").partition(" ")
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _Failed(Reason.REGISTRY_UNHEALTHY, f"{server}/v2/ answers {answer.status}")
        if answer.status not in (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED):
            raise _Failed(Reason.REGISTRY_NOT_HARBOR, f"{server}/v2/ answers {answer.status}, which no registry does")
        return {**dict(_PARAMETER.findall(parameters)), "scheme": scheme.lower()}

    def _token(self, challenge: Mapping[str, str], server: str, repository: str, login: str) -> str:
        realm = challenge.get("realm", "")
        if not realm.startswith("https://"):
            text = f"the challenge of {server}/v2/ names the token service '{realm}', which is not https"
            raise _Failed(Reason.TOKEN_SERVICE_MISMATCH, text)
        scope = {"scope": f"repository:{repository}:pull"} if repository else {}
        query = urlencode({"service": challenge.get("service", ""), **scope})
        answer = self._send("GET", f"{realm}?{query}", login)
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            text = f"the token service of {urlsplit(realm).netloc} answers {answer.status} to this login"
            raise _Failed(Reason.PULL_CREDENTIAL_REJECTED if login else "PullWithoutCredential", text)
        try:
            content = json.loads(answer.body)
            return str(content.get("token") or content["access_token"])
        except (ValueError, KeyError, TypeError, AttributeError):
            text = f"the token service of {urlsplit(realm).netloc} answers {answer.status} without a token"
            raise _Failed(Reason.REGISTRY_UNHEALTHY, text) from None

    def _denied(self, server: str, image: Image, login: str) -> _Failed:
        project = image.repository.partition("/")[0]
        query = urlencode({"project_name": project})
        found = self._send("HEAD", f"{server}/api/v2.0/projects?{query}", login)
        if found.status == HTTPStatus.NOT_FOUND:
            return _Failed("PullDenied", f"the project '{project}' does not exist")
        return _Failed("PullDenied", f"the token gives no right to pull from '{image.repository}'")

    def _manifest(self, image: Image, found: Answer, server: str, login: str) -> Step:
        if found.status == HTTPStatus.OK:
            return Step(f"the registry has '{image.repository}' with '{image.reference}'")
        if found.status == HTTPStatus.NOT_FOUND:
            return Step(f"the registry has no '{image.reference}' of '{image.repository}'", "ImageNotFound")
        if found.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return self._denied(server, image, login).step
        if found.status == HTTPStatus.PRECONDITION_FAILED:
            return Step("a policy of the project prevents the pull (scan or signature)", "PullPrevented")
        problem = "TooManyPulls" if found.status == HTTPStatus.TOO_MANY_REQUESTS else Reason.REGISTRY_UNHEALTHY
        return Step(f"the registry answers {found.status} for '{image.repository}'", problem)

    def _send(self, method: str, url: str, authorization: str = "") -> Answer:
        request = urllib.request.Request(url, method=method, headers={"Accept": _MANIFESTS})  # noqa: S310 - only https
        if authorization:
            request.add_unredirected_header("Authorization", authorization)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return _answer(answer)
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error)
        except urllib.error.URLError as error:
            raise _unreachable(url, error.reason) from None
        except (OSError, HTTPException) as error:
            raise _unreachable(url, error) from None


def _answer(answer: Any) -> Answer:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Answer(answer.status, headers, answer.read(MAX_BODY_BYTES))


def _unreachable(url: str, error: object) -> _Failed:
    host = urlsplit(url).netloc
    if isinstance(error, ssl.SSLCertVerificationError):
        problem = _FAULTS.get(error.verify_code, Reason.CERTIFICATE_UNTRUSTED)
        hint = ": give its CA with `--ca-file`" if problem is Reason.CERTIFICATE_UNTRUSTED else ""
        return _Failed(problem, f"this computer refuses the certificate of '{host}' ({error.verify_message}){hint}")
    if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return _Failed("PlainHttpRegistry", f"'{host}' does not answer with TLS")
    if isinstance(error, socket.gaierror):
        return _Failed("RegistryNameUnresolved", f"this computer cannot resolve '{host}'")
    return _Failed(Reason.REGISTRY_UNREACHABLE, f"this computer cannot reach '{host}': {error}")


def _basic(credential: Credential) -> str:
    login = f"{credential.username}:{credential.password}"
    return f"Basic {base64.b64encode(login.encode()).decode()}"


def _actions(authorization: str, repository: str) -> set[str]:
    """Returns what a token of Harbor allows in a repository; its signature does not matter here."""
    try:
        payload = authorization.partition(" ")[2].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        granted = [access for access in claims.get("access") or [] if access["name"] == repository]
        return {action for access in granted for action in access.get("actions") or []}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return set()
