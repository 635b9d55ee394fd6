"""A release with internal TLS: its pods serve the operator's certificates, check each other, and refuse plain HTTP."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from lab.images import make_image
from lab.lab import Lab
from lab.node.images import PYTHON_IMAGE
from lab.process import wait_until
from lab.registry_fixture import RegistryFixture
from tests.e2e.dedicated import FAST_PROBES
from tests.e2e.queries import listed, remove_namespace
from tests.e2e.running_operator import RunningOperator

pytestmark = pytest.mark.e2e

NAMESPACE = "t-internal-tls"
CLIENT = "client"
SERVERS = {
    "core": ("core", 443),
    "jobservice": ("jobservice", 443),
    "portal": ("portal", 443),
    "registry": ("registry", 5443),
    "registryctl": ("registry", 8443),
}
"""The component, which ends the names of Service and Secret, and the port of each process, as in the official chart."""
PLAIN_PORTS = {"core": [8080], "jobservice": [8080], "portal": [8080], "registry": [5000, 8080]}
"""The ports of the pods without internal TLS."""

HANDSHAKE = """
import socket, ssl, sys
host, port, ca = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cadata=ca)
with context.wrap_socket(socket.create_connection((host, port), 10), server_hostname=host) as tls:
    print(ssl.DER_cert_to_PEM_cert(tls.getpeercert(True)))
"""
PLAIN_REQUEST = """
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=10)
try:
    connection.request("GET", "/")
    print(connection.getresponse().status)
except (OSError, http.client.HTTPException) as error:
    print(type(error).__name__)
"""


class TlsFixture:
    """A ready release with internal TLS, and a pod that connects to its processes."""

    def __init__(self, lab: Lab, fixture: RegistryFixture) -> None:
        self.lab = lab
        self.fixture = fixture
        self.registry = fixture.registry

    def secret(self, component: str) -> dict[str, str]:
        return self.registry.secret(f"hreg-cr-internal-tls-{component}")

    def served(self, process: str) -> str:
        """Returns the certificate of a process, after a handshake that trusts the operator's authority only."""
        component, port = SERVERS[process]
        trusted = self.secret("core")["ca.crt"]
        return self._run(HANDSHAKE, f"cr-harbor-{component}", str(port), trusted)

    def plain(self, host: str, port: int) -> str:
        """Returns the status of a request without TLS, or the name of its error."""
        return self._run(PLAIN_REQUEST, host, str(port))

    def pods(self) -> dict[str, str]:
        """Returns the address of each component's pod that is not about to end."""
        found = listed(self.lab, "pods", "-n", NAMESPACE, "-l", "release=cr")
        alive = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
        return {pod["metadata"]["labels"]["component"]: pod["status"]["podIP"] for pod in alive}

    def _run(self, code: str, *arguments: str) -> str:
        command = ("exec", CLIENT, "--", "/usr/bin/python3", "-c", code, *arguments)
        return self.lab.control_plane.kubectl("-n", NAMESPACE, *command).strip()


def der(certificate: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.strip())


@pytest.fixture(scope="module")
def tls(lab: Lab, running_operator: RunningOperator) -> Iterator[TlsFixture]:
    if lab.kubelet is None:
        pytest.skip("KWOK does not run pods; set `HARBOR_LAB_NODE=kubelet`")
    fixture = RegistryFixture.set_up(lab, NAMESPACE, values=FAST_PROBES)
    spec = {key: value for key, value in fixture.spec.items() if key != "pullSecrets"}
    fixture.registry.apply({**spec, "internalTLS": {"enabled": True}, "deletionPolicy": {"database": "Delete"}})
    container = {"name": "only", "image": PYTHON_IMAGE, "args": ["-c", "import time; time.sleep(100000)"]}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    metadata = {"name": CLIENT, "namespace": NAMESPACE}
    lab.control_plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
    fixture.registry.wait_ready()
    yield TlsFixture(lab, fixture)
    fixture.registry.delete()
    remove_namespace(lab, NAMESPACE)


@pytest.mark.parametrize("process", SERVERS)
def test_each_process_serves_the_certificate_of_the_operator(tls: TlsFixture, process: str) -> None:
    component, _ = SERVERS[process]
    assert der(tls.served(process)) == der(tls.secret(component)["tls.crt"])


def test_plain_http_is_refused(tls: TlsFixture) -> None:
    pods = tls.pods()
    for component, ports in PLAIN_PORTS.items():
        for port in ports:
            assert tls.plain(pods[component], port) == "ConnectionRefusedError", (component, port)
    for process, (component, port) in SERVERS.items():
        # Go and nginx answer a request without TLS with status 400, Python ends the connection.
        answer = tls.plain(f"cr-harbor-{component}", port)
        assert answer == "400" or not answer.isdecimal(), (process, answer)


def test_images_pass_through_core_and_the_registry(tls: TlsFixture) -> None:
    fixture, directory = tls.fixture, tls.lab.directory / "tls-image"
    make_image(directory)
    reference = f"{fixture.front.url.removeprefix('https://')}/library/app:1"
    login, ca_dir = fixture.admin_credential(), tls.lab.authority.ca_dir
    pushed = fixture.skopeo.copy_in(directory, reference, authfile=login, ca_dir=ca_dir)
    target = tls.lab.directory / "tls-pulled"
    assert fixture.skopeo.copy_out(reference, target, authfile=login, ca_dir=ca_dir) == pushed


def test_a_renewed_certificate_is_served_and_harbor_is_reachable(tls: TlsFixture) -> None:
    """Only core restarts: the pods that stay accept its new certificate."""
    registry, before, pods = tls.registry, tls.secret("core"), tls.pods()
    revision = registry.status()["releaseRevision"]
    tls.lab.control_plane.kubectl("-n", NAMESPACE, "delete", "secret", "hreg-cr-internal-tls-core")

    def is_renewed() -> bool:
        return bool(registry.status()["releaseRevision"] == revision + 1 and registry.is_settled())

    wait_until(is_renewed, "the certificate of core is renewed", deadline=240)
    after = tls.secret("core")
    assert after["tls.crt"] != before["tls.crt"]
    assert after["ca.crt"] == before["ca.crt"]
    assert der(tls.served("core")) == der(after["tls.crt"])
    changed = {component for component, address in tls.pods().items() if pods[component] != address}
    assert changed == {"core"}
    assert registry.condition("RegistryReachable")["status"] == "True"
