"""No secret leaves the Secrets: not in a log, an event, a status, an argument or an environment."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from lab.operator import NAMESPACE, Operator
from lab.registries import Manifest, merged
from lab.services import REDIS_PASSWORD
from lab.stage import Stage
from tests.e2e.conftest import Shift
from tests.e2e.world import PULL_SECRET, World, descendants, listed, own_world

pytestmark = pytest.mark.e2e

PUBLIC = {"username", "ca.crt", "tls.crt", "accessKey"}
"""Keys of Secrets whose values are no secret."""
SHORTEST = 8
WRONG = {
    "pg-admin": "wrongDatabasePassword0123",
    "redis": "wrongRedisPassword0123",
    "rgw-admin": "wrongGatewayKey0123",
}
SOURCES = ["log", "events", "registries", "release", "audit", "metrics", "files", "arguments", "environments"]
HELM_TOKEN = "a token of the account that Helm acts as"
KUBECONFIG = "/memfd:release (deleted)"
"""What the file descriptor of a Helm run's kubeconfig points at."""


class Children:
    """Reads arguments, environment and kubeconfig of every process that a process starts, until it is stopped."""

    def __init__(self, pid: int) -> None:
        self.arguments: set[str] = set()
        self.environments: set[str] = set()
        self.tokens: set[str] = set()
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.002):
            for pid in descendants(self._pid):
                with suppress(OSError):  # it has ended since
                    self.arguments.add(_words(pid, "cmdline"))
                    self.environments.add(_words(pid, "environ"))
                    self.tokens |= set(_kubeconfig_tokens(pid))


def _words(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def _kubeconfig_tokens(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        if str(descriptor.readlink()) == KUBECONFIG:
            with suppress(json.JSONDecodeError, KeyError):  # the process may be between fork and exec
                yield json.loads(descriptor.read_bytes())["users"][0]["user"]["token"]


class Story:
    """All that was said while a registry was installed, changed, broken in every way and deleted."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.secrets: dict[str, str] = {}
        self.said: dict[str, list[str]] = {source: [] for source in SOURCES}
        self._children = Children(world.shift.operator.process.pid)

    def live(self) -> None:
        """Lets it all happen, and listens after each part."""
        stage, registry = self.world.stage, self.world.stage.registry
        registry.apply(talked_about(stage))
        registry.wait_ready()
        self.listen()
        registry.patch({"release": {"values": {"logLevel": "debug"}}})
        registry.wait_condition("ReleaseReady", "True")
        registry.wait_ready()
        registry.patch({"release": {"values": {"core": {"replicas": "many"}}}})
        registry.wait_condition("ReleaseReady", "False", "ReleaseFailed")
        self.listen()
        self._break()
        self.listen()
        self._children.stop()

    def listen(self) -> None:
        """Notes every secret there is now, and everything that can be read by those who may read no Secret."""
        lab, operator = self.world.lab, self.world.shift.operator
        kubectl, plane = lab.control_plane.kubectl, lab.control_plane
        for secret in listed(lab, "-A", "secrets"):
            self.secrets |= values_of(secret)
        kubeconfig = yaml.safe_load((plane.directory / f"{NAMESPACE}.{NAMESPACE}.kubeconfig").read_text())
        self.secrets[kubeconfig["users"][0]["user"]["token"]] = "the operator's own token"
        self.secrets |= dict.fromkeys(self._children.tokens, HELM_TOKEN)
        public = "configmaps,deployments,statefulsets,pods,services,ingresses,jobs"
        now = {
            "log": operator.log,
            "events": kubectl("get", "events", "-A", "-o", "json"),
            "registries": kubectl("get", "hreg", "-A", "-o", "json"),
            "release": kubectl("-n", "intra", "get", public, "-o", "json"),
            "audit": plane.audit_log.read_text(),
            "metrics": operator.get("/metrics"),
            "files": "\n".join(texts(plane.directory / operator.process.name)),
            "arguments": "\n".join(sorted(self._children.arguments)),
            "environments": "\n".join(sorted(self._children.environments)),
        }
        for source, text in now.items():
            self.said[source].append(text)

    def leaks(self, source: str) -> list[str]:
        """Which secrets are to be read in a source; their names, for a failure must not tell them either."""
        text = "\n".join(self.said[source])
        return sorted({name for value, name in self.secrets.items() for word in spellings(value) if word in text})

    def _break(self) -> None:
        registry = self.world.stage.registry
        registry.put_secret("pg-admin", {"password": WRONG["pg-admin"]})
        registry.put_secret("redis", {"password": WRONG["redis"]})
        registry.put_secret("rgw-admin", {"secretKey": WRONG["rgw-admin"]})
        for kind in ("DatabaseReady", "CacheReady", "StorageReady"):
            registry.wait_condition(kind, "False")


def talked_about(stage: Stage) -> Manifest:
    """The full spec, with a login to the storage that the operator makes by itself."""
    ceph = stage.lab.services.ceph
    admin = {"accessKey": ceph.admin_access_key, "secretKey": ceph.admin_secret_key}
    stage.registry.put_secret("rgw-admin", admin)
    provision = {"adminURL": ceph.rgw_url, "adminSecretRef": {"name": "rgw-admin"}, "uid": "secrecy"}
    swift = {"container": "secrecy", "credentialsSecretRef": {"name": "swift-made"}, "provision": provision}
    return merged(stage.spec, {"storage": {"swift": swift}})


def values_of(secret: Manifest) -> dict[str, str]:
    """The secrets in a Secret, each with the place it is in; Helm's own Secrets only repeat them."""
    if secret["type"] == "helm.sh/release.v1":
        return {}
    found: dict[str, str] = {}
    for key, encoded in secret.get("data", {}).items():
        if key not in PUBLIC:
            place = f"{secret['metadata']['namespace']}/{secret['metadata']['name']}:{key}"
            found |= dict.fromkeys(parts(key, base64.b64decode(encoded).decode()), place)
    return found


def parts(key: str, value: str) -> list[str]:
    """What of a value must not be seen: a password, the lines of a private key, a login."""
    if key == ".dockerconfigjson":
        (login,) = json.loads(value)["auths"].values()
        return [login["password"], login["auth"]]
    lines = [line.strip() for line in value.splitlines()]
    return [line for line in lines if len(line) >= SHORTEST and not line.startswith("-----")]


def spellings(value: str) -> set[str]:
    """A secret as it may be written; a message may quote it, a URL may escape it, an API may encode it."""
    return {value, repr(value)[1:-1], quote(value, safe=""), base64.b64encode(value.encode()).decode()}


def texts(directory: Path) -> Iterator[str]:
    for path in directory.rglob("*"):
        if path.is_file():
            yield path.read_bytes().decode(errors="replace")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with own_world() as world:
        world.shift.operator.stop()
        plane, processes = world.lab.control_plane, world.lab.processes
        world.shift.operator = Operator.start(plane, processes, identity="talkative", log_level="DEBUG")
        world.shift.operator.wait_leading()
        yield world


@pytest.fixture(scope="module")
def shift(world: World) -> Shift:
    return world.shift


@pytest.fixture(scope="module")
def story(world: World) -> Story:
    story = Story(world)
    story.live()
    return story


@pytest.mark.parametrize("source", SOURCES)
def test_no_secret_is_told(story: Story, shift: Shift, source: str) -> None:
    assert story.leaks(source) == []


def test_the_secrets_looked_for_are_all_there(story: Story) -> None:
    places = set(story.secrets.values())
    made = ("admin-password:password", "database-login:password", "pins:tls.key", "pull-robot:password")
    for place in [*(f"hreg-cr-{one}" for one in made), "swift-made:password", "pg-admin:password", "cr-tls:tls.key"]:
        assert f"intra/{place}" in places
    assert f"intra/{PULL_SECRET}:.dockerconfigjson" in places
    assert {*WRONG.values(), REDIS_PASSWORD} < set(story.secrets)
    assert HELM_TOKEN in places


def test_a_secret_that_is_told_would_be_found(story: Story) -> None:
    told = [base64.b64encode(value.encode()).decode() for value in WRONG.values()]
    story.said["planted"] = [f"Authorization: {quote(WRONG['redis'])}", *told]
    assert story.leaks("planted") == ["intra/pg-admin:password", "intra/redis:password", "intra/rgw-admin:secretKey"]


def test_the_story_was_told_in_full(story: Story) -> None:
    said: dict[str, Any] = {source: "".join(texts) for source, texts in story.said.items()}
    assert " DEBUG " in said["log"]
    assert "upgrade cr" in said["arguments"]
    assert "--kubeconfig /proc/self/fd/" in said["arguments"]
    assert "HELM_CACHE_HOME=" in said["environments"]
    assert "DatabaseReady" in said["registries"]
    assert "DatabaseCredentialsRejected" in said["events"]
    assert '"verb":"patch"' in said["audit"]
    assert "harbor_operator_leader_election_master_status 1.0" in said["metrics"]
    assert "harbor-core" in said["release"] or "cr-core" in said["release"]
