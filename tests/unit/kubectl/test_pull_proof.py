"""A pull against a TLS server of the test: where a login goes, and where it does not."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.pull_proof import PullProof
from harbor_operator.plan.keyring import Credential, Image
from lab.certs import Authority


class Registry(ThreadingHTTPServer):
    """Answers as Harbor does; `answers` replaces the status or the challenge of a path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.host = f"localhost:{self.server_port}"
        self.realm = f"https://{self.host}/service/token"
        self.actions = ["pull"]
        self.statuses: dict[str, int] = {}
        self.logins: list[str] = []


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Registry

    def do_GET(self) -> None:
        login = self.headers.get("Authorization", "")
        self.server.logins.append(login)
        path = self.path.partition("?")[0]
        if path == "/service/token":
            claims = {"access": [{"type": "repository", "name": "team-a/app", "actions": self.server.actions}]}
            payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
            self._answer(self.server.statuses.get(path, 200), json.dumps({"token": f"a.{payload}.c"}))
        elif path == "/v2/":
            self._answer(self.server.statuses.get("/v2/", 200 if login else 401))
        else:
            self._answer(self.server.statuses.get(path, 200))

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, status: int, body: str = "") -> None:
        self.send_response(status)
        self.send_header("Www-Authenticate", f'Bearer realm="{self.server.realm}",service="harbor-registry"')
        self.send_header("Location", f"https://{self.server.host}/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module", name="authority")
def authority_of_the_registry(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture(name="registry")
def running_registry(authority: Authority) -> Iterator[Registry]:
    with Registry() as server:
        certificate = authority.issue("registry", hosts=["localhost"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.cert_path, certificate.key_path)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


CREDENTIAL = Credential("harbor-pull", "localhost", "robot$a", "password")


def proved(registry: Registry, authority: Authority | None, credential: Credential | None = CREDENTIAL) -> str:
    """Returns the problem of a pull; empty if it succeeds."""
    proof = PullProof(str(authority.ca_path) if authority else "")
    return proof.run(Image(registry.host, "team-a/app", "1"), credential)[-1].problem


def test_a_pull_succeeds(registry: Registry, authority: Authority) -> None:
    assert proved(registry, authority) == ""
    assert any(login.startswith("Bearer a.") for login in registry.logins)


def test_an_unknown_ca_gets_no_request(registry: Registry) -> None:
    assert proved(registry, None) == "CertificateUntrusted"
    assert registry.logins == []


def test_a_redirect_is_not_followed(registry: Registry, authority: Authority) -> None:
    registry.statuses["/v2/"] = 307
    assert proved(registry, authority) == "RegistryNotHarbor"
    assert registry.logins == [""]


def test_a_token_service_without_tls_gets_no_login(registry: Registry, authority: Authority) -> None:
    registry.realm = "http://cr.example.com/service/token"
    assert proved(registry, authority) == "TokenServiceMismatch"


@pytest.mark.parametrize(
    ("path", "status", "problem"),
    [
        ("/v2/", 503, "RegistryUnhealthy"),
        ("/service/token", 401, "PullCredentialRejected"),
        ("/v2/team-a/app/manifests/1", 404, "ImageNotFound"),
        ("/v2/team-a/app/manifests/1", 403, "PullDenied"),
        ("/v2/team-a/app/manifests/1", 412, "PullPrevented"),
        ("/v2/team-a/app/manifests/1", 429, "TooManyPulls"),
        ("/v2/team-a/app/manifests/1", 500, "RegistryUnhealthy"),
    ],
)
def test_an_answer_has_a_cause(registry: Registry, authority: Authority, path: str, status: int, problem: str) -> None:
    registry.statuses[path] = status
    assert proved(registry, authority) == problem


def test_a_token_without_the_right_to_pull(registry: Registry, authority: Authority) -> None:
    registry.actions = []
    assert proved(registry, authority) == "PullDenied"
    registry.statuses["/api/v2.0/projects"] = 404
    steps = PullProof(str(authority.ca_path)).run(Image(registry.host, "team-a/app", "1"), CREDENTIAL)
    assert steps[-1].text == "the project 'team-a' does not exist"


def test_a_certificate_of_another_name(registry: Registry, authority: Authority) -> None:
    image = Image(registry.host.replace("localhost", "127.0.0.1"), "a", "1")
    assert PullProof(str(authority.ca_path)).run(image, CREDENTIAL)[-1].problem == "CertificateHostMismatch"


def test_a_name_that_does_not_resolve() -> None:
    steps = PullProof().run(Image("registry.invalid", "a", "1"), CREDENTIAL)
    assert steps[-1].problem in {"RegistryNameUnresolved", "RegistryUnreachable"}


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    path.write_text("no certificate")
    with pytest.raises(CommandError, match="--ca-file"):
        PullProof(str(path))
