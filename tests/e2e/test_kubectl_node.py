"""`kubectl harbor` with a real kubelet, real pulls and the pods of a release: why, logs and report."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest
from harbor_operator.kubectl.rights import Scope
from harbor_operator.model.harbor import HarborEndpoint, Login
from lab.certs import Authority
from lab.lab import Lab
from lab.node.apps import PULL_FAILED, write_app
from lab.node.configs import hosts_toml
from lab.node.kubelet import KubeletNode
from lab.observer import Observer
from lab.operator import NAMESPACE as OPERATOR_NAMESPACE
from lab.process import wait_until
from lab.registry_fixture import RegistryFixture
from tests.contract.kubectl_harbor import KubectlHarbor
from tests.e2e.queries import listed
from tests.secret_values import spellings, values_of

pytestmark = pytest.mark.e2e

TEAM = "kubectl-team"


@pytest.fixture(scope="module")
def node(lab: Lab) -> KubeletNode:
    if lab.kubelet is None:
        pytest.skip("KWOK does not pull images; set `HARBOR_LAB_NODE=kubelet`")
    return lab.kubelet


@pytest.fixture(scope="module")
def host(full_registry: RegistryFixture) -> str:
    return full_registry.front.url.removeprefix("https://")


@pytest.fixture(scope="module")
def image(full_registry: RegistryFixture, lab: Lab, host: str) -> str:
    layout, credential = write_app(lab.directory / "kubectl-app"), full_registry.admin_credential()
    for tag in ("1", "untrusted"):
        reference = f"{host}/team-a/kubectl:{tag}"
        full_registry.skopeo.copy_in(layout, reference, authfile=credential, ca_dir=lab.authority.ca_dir)
    return f"{host}/team-a/kubectl:1"


@pytest.fixture(scope="module")
def harbor(lab: Lab, full_registry: RegistryFixture, node: KubeletNode) -> Iterator[KubectlHarbor]:
    observer = Observer(lab.control_plane)
    observer.create_namespace(TEAM)
    observer.wait_injected(TEAM)
    observer.close()
    scopes = {Scope.REGISTRY: "intra", Scope.OPERATOR: OPERATOR_NAMESPACE, Scope.POD: TEAM, Scope.VERIFIED: TEAM}
    yield KubectlHarbor(lab.control_plane, scopes)
    lab.control_plane.kubectl("delete", "namespace", TEAM, "--wait=false")


def refused(lab: Lab, harbor: KubectlHarbor, name: str, image: str, **spec: Any) -> dict[str, Any]:
    """Creates a pod, waits until the kubelet fails, and returns the finding."""
    plane = lab.control_plane
    content = {"terminationGracePeriodSeconds": 0, "containers": [{"name": "app", "image": image}], **spec}
    metadata = {"name": name, "namespace": TEAM}
    plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": content})

    def is_refused() -> bool:
        pod = plane.client.read(f"/api/v1/namespaces/{TEAM}/pods/{name}") or {}
        states = [status["state"] for status in pod["status"].get("containerStatuses", [])]
        return any(state.get("waiting", {}).get("reason") in (*PULL_FAILED, "InvalidImageName") for state in states)

    wait_until(is_refused, f"the kubelet fails to pull '{image}'", deadline=90)
    done = harbor.run("why", name, "-n", TEAM, "--ca-file", str(lab.authority.ca_path), "-o", "json")
    assert done.code == 1, done.err
    finding: dict[str, Any] = done.json["findings"][0]
    return finding


def test_a_name_that_the_kubelet_refuses(lab: Lab, harbor: KubectlHarbor, host: str) -> None:
    assert refused(lab, harbor, "name", f"{host}/Team-A/app:1")["cause"] == "ImageNameInvalid"


def test_a_pod_before_its_secret(lab: Lab, harbor: KubectlHarbor, image: str) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "late", "namespace": TEAM}}
    lab.control_plane.apply(account)
    refused(lab, harbor, "late", image, serviceAccountName="late")
    lab.control_plane.apply({**account, "imagePullSecrets": [{"name": "harbor-pull"}]})
    done = harbor.run("why", "late", "-n", TEAM, "--ca-file", str(lab.authority.ca_path), "-o", "json")
    assert done.json["findings"][0]["cause"] == "PodBeforeSecret"
    # The remedy: a new pod pulls.
    pod = {"containers": [{"name": "app", "image": image}], "serviceAccountName": "late"}
    metadata = {"name": "again", "namespace": TEAM}
    lab.control_plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
    lab.control_plane.kubectl("-n", TEAM, "wait", "pod/again", "--for=condition=Ready", "--timeout=90s")
    done = harbor.run("why", "again", "-n", TEAM)
    assert (done.code, done.err) == (0, f"no container of pod '{TEAM}/again' waits for an image\n")


@contextmanager
def untrusted(node: KubeletNode, host: str, directory: Path) -> Iterator[None]:
    """Gives the node another CA until the block ends; containerd reads the file at each pull.

    Without any, it would try HTTP, because the host is 'localhost'.
    """
    path = node.plan.certs_dir / host / "hosts.toml"
    trusted = path.read_text()
    path.write_text(hosts_toml(host, Authority.create(directory).ca_path))
    try:
        yield
    finally:
        path.write_text(trusted)


def test_a_node_that_does_not_trust_the_ca(
    lab: Lab, harbor: KubectlHarbor, node: KubeletNode, host: str, tmp_path: Path
) -> None:
    with untrusted(node, host, tmp_path):
        finding = refused(lab, harbor, "untrusted", f"{host}/team-a/kubectl:untrusted")
    assert finding["cause"] == "CertificateUntrusted"
    assert "certs.d" in finding["remedy"]


def test_a_tag_that_does_not_exist_is_no_problem_of_a_certificate(lab: Lab, harbor: KubectlHarbor, host: str) -> None:
    """containerd 1.6 reports one for the CA in a table `[host]`, as the lab writes it."""
    finding = refused(lab, harbor, "absent", f"{host}/team-a/kubectl:absent")
    pod = lab.control_plane.client.read(f"/api/v1/namespaces/{TEAM}/events") or {}
    messages = [item["message"] for item in pod["items"] if item["involvedObject"]["name"] == "absent"]
    assert any("x509: certificate signed by unknown authority" in message for message in messages)
    assert finding["cause"] == "ImageNotFound"
    assert "the registry has no 'absent' of 'team-a/kubectl'" in finding["message"]


def test_a_node_trusts_the_registry_after_the_printed_files_are_placed(
    lab: Lab, harbor: KubectlHarbor, node: KubeletNode, image: str, tmp_path: Path
) -> None:
    host = image.partition("/")[0]
    trust = ("trust", "-n", "intra", "--runtime", "containerd", "--certs-dir", str(node.plan.certs_dir))
    done = harbor.run(*trust)
    assert done.code == 0, done.err
    found = harbor.run(*trust, "-o", "json").json
    assert found["hosts"] == [host]
    app = {"name": "app", "image": image, "imagePullPolicy": "Always"}
    with untrusted(node, host, tmp_path):
        finding = refused(lab, harbor, "before", image, containers=[app])
        assert finding["cause"] == "CertificateUntrusted"
        subprocess.run(["sh", "-eu"], input=done.out, text=True, check=True, timeout=20)
        written = {file["path"]: Path(file["path"]).read_text() for file in found["runtimes"][0]["files"]}
        assert written == {file["path"]: file["content"] for file in found["runtimes"][0]["files"]}
        metadata = {"name": "after", "namespace": TEAM}
        lab.control_plane.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [app]}}
        )
        lab.control_plane.kubectl("-n", TEAM, "wait", "pod/after", "--for=condition=Ready", "--timeout=90s")
        finding = refused(lab, harbor, "printed-absent", f"{host}/team-a/kubectl:absent")
        assert finding["cause"] == "ImageNotFound"
        assert "x509" not in json.dumps(
            listed(lab, "-n", TEAM, "events", "--field-selector=involvedObject.name=printed-absent")
        )


def test_containers_image_trusts_the_registry_after_the_printed_file_is_placed(
    full_registry: RegistryFixture, harbor: KubectlHarbor, image: str, tmp_path: Path
) -> None:
    """CRI-O and podman use this library, and so does skopeo; its directory of the user has the same layout."""
    directory, credential = tmp_path / ".config" / "containers" / "certs.d", full_registry.admin_credential()
    assert "x509" in full_registry.skopeo.inspect(image, authfile=credential, home=tmp_path)
    done = harbor.run("trust", "-n", "intra", "--runtime", "crio", "--certs-dir", str(directory))
    subprocess.run(["sh", "-eu"], input=done.out, text=True, check=True, timeout=20)
    assert full_registry.skopeo.inspect(image, authfile=credential, home=tmp_path) == ""


async def test_logs_of_the_release(full_registry: RegistryFixture, harbor: KubectlHarbor) -> None:
    """An upload whose state another registry has signed: the real registry in its pod logs why it refuses it."""
    ca, registry = full_registry.lab.authority.ca_pem, full_registry.registry
    login = Login("admin", SecretStr(registry.secret(f"hreg-{registry.name}-admin-password")["password"]))
    endpoint, http = HarborEndpoint(full_registry.front.url, ca, login), HarborHttp()
    uploads = "/v2/team-a/logged/blobs/uploads/"
    assert (await http.send(endpoint, HttpRequest("POST", uploads))).status == 202
    forged = HttpRequest("PUT", f"{uploads}0", {"_state": "Zm9yZ2Vk", "digest": f"sha256:{'0' * 64}"}, data=b"x")
    assert (await http.send(endpoint, forged)).status == 404

    done = await asyncio.to_thread(harbor.run, "logs", "-n", "intra", "--component", "registry", "-o", "json")
    assert done.code == 1, done.err
    (hit, *_) = [hit for hit in done.json["hits"] if hit["problem"] == "HttpSecretChanged"]
    assert hit["line"] > 0
    assert "registry" in hit["source"]
    assert "invalid secret" in hit["text"]
    only = await asyncio.to_thread(harbor.run, "logs", "-n", "intra", "--component", "core")
    assert "HttpSecretChanged" not in only.out


@pytest.fixture
def waiting_pod(lab: Lab, full_registry: RegistryFixture, host: str) -> Iterator[str]:
    """A pod of the release whose image does not exist."""
    name, plane = "waiting", lab.control_plane
    metadata = {"name": name, "namespace": "intra", "labels": {"release": full_registry.registry.name}}
    container = {"name": "core", "image": f"{host}/team-a/kubectl:absent"}
    plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}})
    state = ("-n", "intra", "pod", name, "-o", "jsonpath={.status.containerStatuses[0].state.waiting.reason}")
    wait_until(lambda: plane.kubectl("get", *state) in PULL_FAILED, "the kubelet fails to pull", deadline=90)
    yield name
    plane.kubectl("-n", "intra", "delete", "pod", name, "--wait=false")


def test_a_container_that_has_not_started_hides_no_log(harbor: KubectlHarbor, waiting_pod: str, tmp_path: Path) -> None:
    done = harbor.run("logs", "-n", "intra", "--component", "core")
    assert done.code in {0, 1}, done.err
    assert f"{waiting_pod}/core has not started, so it has no log" in done.err
    done = harbor.run("report", "-n", "intra", "--file", str(tmp_path / "report.tar.gz"), "-o", "json")
    assert (done.code, done.json["errors"]) == (0, []), done.err
    logs = [name for name in done.json["contents"] if name.startswith("logs/harbor/")]
    assert logs
    assert not [name for name in logs if waiting_pod in name]


def test_a_report_with_logs_contains_no_secret(harbor: KubectlHarbor, lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "report.tar.gz"
    done = harbor.run("report", "-n", "intra", "--file", str(path), "-o", "json")
    assert (done.code, done.json["errors"]) == (0, []), done.err
    assert [name for name in done.json["contents"] if name.startswith("logs/harbor/")]
    with tarfile.open(path) as archive:
        files = [archive.extractfile(entry) for entry in archive]
        text = "\n".join(file.read().decode() for file in files if file)
    secrets: dict[str, str] = {}
    for secret in listed(lab, "-A", "secrets"):
        secrets |= values_of(secret)
    assert {place for value, place in secrets.items() for one in spellings(value) if one in text} == set()
