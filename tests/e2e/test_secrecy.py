"""No secret value appears outside Secrets: not in logs, events, status, audit log, arguments or environments."""

from __future__ import annotations

import base64
import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from lab.addresses import IS_IPV6
from lab.kubernetes_client import KubernetesClient
from lab.operator import NAMESPACE, SILENT_CHARTS
from lab.process import wait_until
from lab.registries import Manifest, merged
from lab.registry_fixture import RegistryFixture
from lab.services import REDIS_PASSWORD
from tests.e2e.canaries import canaries_in
from tests.e2e.dedicated import DedicatedLab, dedicated_lab, lab_of_module, operator_of_module  # noqa: F401 - fixtures
from tests.e2e.queries import PULL_SECRET, descendants, listed
from tests.e2e.running_operator import RunningOperator
from tests.secret_values import leaks, values_of

pytestmark = pytest.mark.e2e

KUBELET = False
LOG_LEVEL = "DEBUG"
WRONG = {
    "pg-admin": "wrongDatabasePassword0123",
    "redis": "wrongRedisPassword0123",
    "rgw-admin": "wrongGatewayKey0123",
    "charts": "wrongChartPassword0123",
}
SOURCES = ["log", "events", "registries", "release", "audit", "metrics", "files", "arguments", "environments"]
TEMPORARY = Path(tempfile.gettempdir())
MAX_RECORDED_BYTES = 1 << 20
"""Larger files are charts and discovery caches."""

HELM_TOKEN = "a token of the account that Helm acts as"
KUBECONFIG = "/memfd:kubeconfig (deleted)"
"""The target of the file descriptor from which Helm reads its kubeconfig."""


class ChildRecorder:
    """Polls arguments, environment, kubeconfig and temporary files of a process and its descendants until `stop`."""

    def __init__(self, pid: int, directory: Path) -> None:
        self.files: set[str] = set()
        self._directory = directory
        self.arguments: set[str] = set()
        self.environments: set[str] = set()
        self.tokens: set[str] = set()
        self._pid = pid
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def has_seen(self, words: str) -> bool:
        """Whether a child process had these words among its arguments."""
        return any(words in arguments for arguments in tuple(self.arguments))

    def _record(self) -> None:
        while not self._stopped.wait(0.002):
            for pid in [self._pid, *descendants(self._pid)]:
                with suppress(OSError, ValueError):  # the process has ended, or its kubeconfig is not written yet
                    self.arguments.add(_words(pid, "cmdline"))
                    self.environments.add(_words(pid, "environ"))
                    self.tokens |= set(_kubeconfig_tokens(pid))
            paths: list[Path] = []
            with suppress(OSError):  # a directory that exists for one request only
                paths += self._directory.rglob("*")
            for path in [*paths, *TEMPORARY.glob("ca-*.pem")]:
                with suppress(OSError):  # the same with a file
                    if path.is_file() and path.stat().st_size <= MAX_RECORDED_BYTES:
                        self.files.add(path.read_bytes().decode(errors="replace"))


def _words(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def _kubeconfig_tokens(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        if str(descriptor.readlink()) == KUBECONFIG:
            yield json.loads(descriptor.read_bytes())["users"][0]["user"]["token"]


class SecretLeakScan:
    """Everything that was captured while a registry was installed, changed and broken."""

    def __init__(self, dedicated: DedicatedLab) -> None:
        self.dedicated = dedicated
        self.secrets: dict[str, str] = {}
        self.captured: dict[str, list[str]] = {source: [] for source in SOURCES}
        process = dedicated.running_operator.operator.process
        self._children = ChildRecorder(process.pid, dedicated.lab.control_plane.directory / process.name)

    def run(self) -> None:
        """Runs the scenario and captures all sources after each part."""
        full_registry, registry = self.dedicated.fixture, self.dedicated.fixture.registry
        registry.apply(spec_with_provisioning(full_registry))
        registry.wait_ready()
        canaries_in(self.dedicated.lab).add_registry(full_registry)
        self.capture()
        registry.patch({"release": {"values": {"logLevel": "debug"}}})
        registry.wait_condition("ReleaseReady", "True")
        registry.wait_ready()
        registry.patch({"release": {"values": {"core": {"replicas": "many"}}}})
        registry.wait_condition("ReleaseReady", "False", "ReleaseFailed")
        self.capture()
        self._break()
        self.capture()
        self._children.stop()

    def capture(self) -> None:
        """Records all secret values, and all sources that are readable without access to Secrets."""
        lab, operator = self.dedicated.lab, self.dedicated.running_operator.operator
        kubectl, plane = lab.control_plane.kubectl, lab.control_plane
        for secret in listed(lab, "-A", "secrets"):
            self.secrets |= values_of(secret)
        token = KubernetesClient(plane.directory / f"{NAMESPACE}.{NAMESPACE}.kubeconfig").token
        self.secrets[token] = "the operator's own token"
        self.secrets |= dict.fromkeys(self._children.tokens, HELM_TOKEN)
        public = "configmaps,deployments,statefulsets,pods,services,ingresses,jobs"
        now = {
            "log": operator.log,
            "events": kubectl("get", "events", "-A", "-o", "json"),
            "registries": kubectl("get", "hreg", "-A", "-o", "json"),
            "release": kubectl("-n", "intra", "get", public, "-o", "json"),
            "audit": plane.audit_log.read_text(),
            "metrics": operator.get("/metrics"),
            "files": "\n".join([*texts(plane.directory / operator.process.name), *sorted(self._children.files)]),
            "arguments": "\n".join(sorted(self._children.arguments)),
            "environments": "\n".join(sorted(self._children.environments)),
        }
        for source, text in now.items():
            self.captured[source].append(text)

    def leaks(self, source: str) -> list[str]:
        """Returns the names of the secrets that a source contains."""
        return leaks(self.secrets, "\n".join(self.captured[source]))

    def _break(self) -> None:
        registry = self.dedicated.fixture.registry
        registry.put_secret("charts", {"username": "charts", "password": WRONG["charts"]})
        source, pull = urlsplit(SILENT_CHARTS), f"pull {SILENT_CHARTS}/harbor"
        family = socket.AF_INET6 if IS_IPV6 else socket.AF_INET
        # Never answers: the pull lasts until it is recorded.
        with socket.create_server((source.hostname, source.port), family=family):
            registry.patch({"release": {"chart": f"{SILENT_CHARTS}/harbor", "repositorySecretRef": {"name": "charts"}}})
            wait_until(lambda: self._children.has_seen(pull), "the pull of the chart is recorded", deadline=60)
        registry.wait_condition("ReleaseReady", "False", "ChartUnavailable")
        registry.put_secret("pg-admin", {"password": WRONG["pg-admin"]})
        registry.put_secret("redis", {"password": WRONG["redis"]})
        registry.put_secret("rgw-admin", {"secretKey": WRONG["rgw-admin"]})
        for kind in ("DatabaseReady", "CacheReady", "StorageReady"):
            registry.wait_condition(kind, "False")


def spec_with_provisioning(full_registry: RegistryFixture) -> Manifest:
    """The full spec, with a storage user that the operator provisions."""
    ceph = full_registry.lab.services.ceph
    admin = {"accessKey": ceph.admin_access_key, "secretKey": ceph.admin_secret_key}
    full_registry.registry.put_secret("rgw-admin", admin)
    provision = {"adminURL": ceph.rgw_url, "adminSecretRef": {"name": "rgw-admin"}, "uid": "secrecy"}
    swift = {"container": "secrecy", "credentialsSecretRef": {"name": "swift-made"}, "provision": provision}
    return merged(full_registry.spec, {"storage": {"swift": swift}})


def texts(directory: Path) -> Iterator[str]:
    for path in directory.rglob("*"):
        if path.is_file():
            yield path.read_bytes().decode(errors="replace")


@pytest.fixture(scope="module")
def scan(dedicated: DedicatedLab) -> SecretLeakScan:
    scan = SecretLeakScan(dedicated)
    scan.run()
    return scan


@pytest.mark.parametrize("source", SOURCES)
def test_no_source_contains_a_secret(scan: SecretLeakScan, running_operator: RunningOperator, source: str) -> None:
    assert scan.leaks(source) == []


def test_the_scan_knows_every_secret(scan: SecretLeakScan) -> None:
    places = set(scan.secrets.values())
    made = ("admin-password:password", "database-login:password", "pins:tls.key", "pull-robot:password")
    for place in [*(f"hreg-cr-{one}" for one in made), "swift-made:password", "pg-admin:password", "cr-tls:tls.key"]:
        assert f"intra/{place}" in places
    assert f"intra/{PULL_SECRET}:.dockerconfigjson" in places
    assert {*WRONG.values(), REDIS_PASSWORD} < set(scan.secrets)
    assert HELM_TOKEN in places


def test_a_planted_secret_is_found(scan: SecretLeakScan) -> None:
    encoded = [base64.b64encode(value.encode()).decode() for value in WRONG.values()]
    scan.captured["planted"] = [f"Authorization: {quote(WRONG['redis'])}", *encoded]
    planted = {"charts": "password", "pg-admin": "password", "redis": "password", "rgw-admin": "secretKey"}
    assert scan.leaks("planted") == [f"intra/{name}:{key}" for name, key in planted.items()]


def test_every_source_was_captured(scan: SecretLeakScan) -> None:
    captured = {source: "".join(texts) for source, texts in scan.captured.items()}
    assert " DEBUG " in captured["log"]
    assert "upgrade cr" in captured["arguments"]
    assert "--kubeconfig /proc/self/fd/" in captured["arguments"]
    assert f"pull {SILENT_CHARTS}/harbor" in captured["arguments"]
    assert "HARBOR_OPERATOR_" in captured["environments"]
    assert "HELM_CACHE_HOME=" in captured["environments"]
    assert "DatabaseReady" in captured["registries"]
    assert "DatabaseCredentialsRejected" in captured["events"]
    assert '"verb":"patch"' in captured["audit"]
    assert "harbor_operator_leader_election_master_status 1.0" in captured["metrics"]
    assert "harbor-core" in captured["release"] or "cr-core" in captured["release"]
