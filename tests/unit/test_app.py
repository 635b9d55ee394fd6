"""The process as a pod runs it, against an API server in this process; and the connection of the Lease."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harbor_operator.adapters.kube_api import ApiRequest, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.leader_election import LeaderElectionConfig, LeaderElector
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.app import MAX_SPARE_CONNECTIONS, Operator, _clients, _helm_settings
from harbor_operator.metrics import Metrics
from harbor_operator.model.outcomes import ConditionType
from harbor_operator.ports import Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.settings import read_settings
from harbor_operator.steps.attempt import attempt
from lab.process import scaled

SOURCE = Path(__file__).parents[2] / "operator"
LOGIN = "user:s3cr3t"
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
LEASES = "/apis/coordination.k8s.io/v1/namespaces/"
REGISTRIES = "/apis/harbor-operator.io/v1alpha1"
POD = """
import os, sys
from functools import partial
from pathlib import Path
from harbor_operator.cli import load_run
from harbor_operator.settings import read_settings
from harbor_operator.steps.attempt import attempt
run = load_run()
from harbor_operator import app
app.in_cluster = partial(app.in_cluster, folder=Path(sys.argv[1]))
code = run(read_settings(os.environ))
print([name for name in ("kubernetes", "pykube", "kubernetes_asyncio") if name in sys.modules])
raise SystemExit(code)
"""


class ApiServer:
    """Stores one Lease, lists nothing, and holds every watch open."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.port = 0
        self.requests: list[tuple[str, str, str | None]] = []
        self.kopf_runs = asyncio.Event()
        self.full = asyncio.Event()
        self.open_watches = 0
        self._closing = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, request.headers.get("Authorization")))
        if request.path.startswith(LEASES):
            if request.method in {"POST", "PUT"}:
                self.lease = await request.json()
            return web.json_response(self.lease or {}, status=200 if self.lease else 404)
        if "watch" in request.query:
            return await self._watch(request)
        if request.path == "/api":
            return web.json_response({"versions": []})
        if request.path == "/apis":
            versions = [{"version": "v1alpha1"}]
            group = {"name": "harbor-operator.io", "versions": versions, "preferredVersion": versions[0]}
            return web.json_response({"groups": [group]})
        if request.path == REGISTRIES:
            self.kopf_runs.set()
            verbs = ["delete", "get", "list", "patch", "watch"]
            names = {"name": "harborregistries", "singularName": "harborregistry", "kind": "HarborRegistry"}
            resource = {**names, "namespaced": True, "verbs": verbs}
            return web.json_response({"groupVersion": "harbor-operator.io/v1alpha1", "resources": [resource]})
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        self.open_watches += 1
        if self.open_watches == 1 + MAX_SPARE_CONNECTIONS:
            self.full.set()
        await self._closing.wait()
        return response

    async def start(self, stack: AsyncExitStack, context: ssl.SSLContext | None = None) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        stack.callback(self._closing.set)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        self.port = runner.addresses[0][1]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def mount_service_account(folder: Path) -> ssl.SSLContext:
    """Writes what a pod finds mounted, and returns the TLS of a server that its CA signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(addresses, critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "token").write_text("projected\n")
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(*pem))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "ca.crt", folder / "key.pem")
    return context


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


async def test_a_pod_starts_leads_and_stops_without_any_other_client_library(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    server = ApiServer()
    await server.start(stack, mount_service_account(tmp_path))
    settings = {"API_HOST": "127.0.0.1", "API_PORT": server.port, "LISTEN_PORT": 0, "WORK_DIR": tmp_path / "work"}
    environment = {f"HARBOR_OPERATOR_{name}": str(value) for name, value in settings.items()}
    environment |= {"PYTHONPATH": str(SOURCE), "PATH": os.defpath, "HARBOR_OPERATOR_LOG_FORMAT": "json"}
    # Finding F8: the API server is reached without the proxy, although NO_PROXY does not name it.
    environment |= {"HTTPS_PROXY": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", POD, str(tmp_path), env=environment, stdout=pipe, stderr=pipe
    )
    stack.callback(_kill, process)
    async with asyncio.timeout(scaled(60)):
        await server.kopf_runs.wait()
        process.terminate()
        output, log = await process.communicate()
    assert (process.returncode, output) == (0, b"[]\n"), log.decode()
    assert b'"message": "stopping: a signal was received"' in log
    assert {token for _, _, token in server.requests} == {"Bearer projected"}
    assert server.lease is not None
    assert server.lease["spec"]["holderIdentity"] == ""


async def test_the_lease_is_renewed_while_every_other_connection_is_in_use(stack: AsyncExitStack) -> None:
    """Finding R5."""
    server = ApiServer()
    await server.start(stack)
    connection = ClusterConnection(f"http://127.0.0.1:{server.port}")
    clients = await stack.enter_async_context(_clients(connection, 1, Metrics(lambda: NOON)))

    async def watch() -> None:
        async with clients.shared.watch(ApiRequest("watch", ResourceRef("v1", "secrets"))):
            await asyncio.Event().wait()

    watches = [asyncio.create_task(watch()) for _ in range(1 + MAX_SPARE_CONNECTIONS)]
    async with asyncio.timeout(scaled(20)):
        await server.full.wait()
        with pytest.raises(Unavailable):
            await clients.shared.send_plain(ApiRequest("get", ResourceRef("v1", "nodes"), timeout_seconds=0.2))
        config = LeaderElectionConfig("ns", "lease", "a")
        assert await LeaderElector(clients.lease, config, lambda: NOON).acquire(asyncio.Event())
    for task in watches:
        task.cancel()
    await asyncio.gather(*watches, return_exceptions=True)


@pytest.mark.parametrize(
    ("environment", "reason", "words"),
    [
        ({"HARBOR_OPERATOR_ALLOWED_HOSTS": "*.example.com"}, Reason.HOST_NOT_ALLOWED, "host 'cr.example.test:443'"),
        (
            {"https_proxy": f"http://{LOGIN}@127.0.0.1:1"},
            Reason.REGISTRY_UNREACHABLE,
            "the proxy '127.0.0.1:1' does not",
        ),
        (
            {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "example.test"},
            Reason.REGISTRY_UNREACHABLE,
            "cr.example.test",
        ),
    ],
)
async def test_the_settings_reach_the_clients(environment: dict[str, str], reason: Reason, words: str) -> None:
    """Findings F8 and S6."""
    settings, connection = read_settings(environment), ClusterConnection("http://127.0.0.1:1")
    registry = HarborRegistry.parse(
        {
            "metadata": {"name": "cr", "namespace": "intra", "uid": "uid-1"},
            "spec": {"externalURL": "https://cr.example.test"},
        }
    )
    async with KubernetesClient(connection) as client:
        operator = Operator(settings, _helm_settings(settings, connection), "test", client, Metrics(lambda: NOON))
        steps = {step.condition_type: step for step in operator._pipeline()}
        outcome = await attempt(steps[ConditionType.REACHABILITY].reconcile, registry)
    assert outcome.reason is reason
    assert words in outcome.message
    assert ("the proxy '" in outcome.message) is ("https_proxy" in environment)
    assert "s3cr3t" not in outcome.message
