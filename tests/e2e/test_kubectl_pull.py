"""`kubectl harbor why`, `verify` and `report` against a Harbor with injected pull Secrets, each under its own rights.

No kubelet runs here: each test writes the state of the container that a kubelet would write.
"""

from __future__ import annotations

import base64
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harbor_operator.kubectl.rights import Scope
from lab.images import make_image
from lab.lab import Lab
from lab.observer import Observer
from lab.operator import NAMESPACE as OPERATOR_NAMESPACE
from lab.registries import Registry
from lab.skopeo import Skopeo
from tests.contract.kubectl_harbor import KubectlHarbor
from tests.e2e.pull_only import PullOnlyLab, lab_of_pull_only, pull_only_lab  # noqa: F401 - fixtures
from tests.e2e.queries import listed
from tests.secret_values import spellings, values_of

pytestmark = pytest.mark.e2e

TEAM = "team"


@pytest.fixture(scope="module")
def host(pull_only: PullOnlyLab) -> str:
    return pull_only.harbor.url.removeprefix("https://")


@pytest.fixture(scope="module")
def registry(pull_only: PullOnlyLab, lab: Lab, host: str) -> Registry:
    registry = pull_only.prepare("intra")
    spec = pull_only.spec() | {"projects": [{"name": "team-a"}]}
    registry.apply(spec)
    registry.wait_condition("PullSecretsReady", "True")
    login = base64.b64encode(f"admin:{pull_only.harbor.core.admin_password}".encode()).decode()
    auth = lab.directory / "admin.json"
    auth.write_text(json.dumps({"auths": {host: {"auth": login}}}))
    make_image(lab.directory / "image")
    skopeo = Skopeo(lab.directory / "skopeo")
    skopeo.copy_in(lab.directory / "image", f"{host}/team-a/app:1", authfile=auth, ca_dir=lab.authority.ca_dir)
    return registry


@pytest.fixture(scope="module")
def team(lab: Lab, registry: Registry) -> Iterator[str]:
    observer = Observer(lab.control_plane)
    observer.create_namespace(TEAM)
    observer.wait_injected(TEAM)
    yield TEAM
    observer.close()


@pytest.fixture(scope="module")
def harbor(lab: Lab, team: str) -> KubectlHarbor:
    scopes = {Scope.REGISTRY: "intra", Scope.OPERATOR: OPERATOR_NAMESPACE, Scope.POD: team, Scope.VERIFIED: team}
    return KubectlHarbor(lab.control_plane, scopes)


class Cause:
    """Creates a pod that waits for an image, and asks why."""

    def __init__(self, lab: Lab, harbor: KubectlHarbor, name: str) -> None:
        self._lab = lab
        self._harbor = harbor
        self._name = name

    def secret(self, content: dict[str, Any], kind: str = "kubernetes.io/dockerconfigjson") -> None:
        """Creates a Secret of the test's name."""
        data = {".dockerconfigjson": json.dumps(content)}
        metadata = {"name": self._name, "namespace": TEAM}
        self._lab.control_plane.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": data}
        )

    def pod(self, image: str, **spec: Any) -> None:
        """Creates the pod."""
        metadata = {"name": self._name, "namespace": TEAM}
        content = {"containers": [{"name": "app", "image": image}], **spec}
        self._lab.control_plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": content})

    def of(self, message: str = "", *, with_ca: bool = True) -> tuple[str, str]:
        """Returns the cause and its message after the kubelet has failed with a message."""
        plane = self._lab.control_plane
        pod = plane.client.read(f"/api/v1/namespaces/{TEAM}/pods/{self._name}") or {}
        image = pod["spec"]["containers"][0]["image"]
        state = {"waiting": {"reason": "ImagePullBackOff", "message": message}}
        waiting = {"name": "app", "image": image, "imageID": "", "ready": False, "restartCount": 0, "state": state}
        patch = json.dumps({"status": {"phase": "Pending", "containerStatuses": [waiting]}})
        plane.kubectl("-n", TEAM, "patch", "pod", self._name, "--subresource=status", "--type=merge", "-p", patch)
        trust = ["--ca-file", str(self._lab.authority.ca_path)] if with_ca else []
        done = self._harbor.run("why", self._name, "-n", TEAM, "-o", "json", *trust)
        assert done.code == 1, done.err
        (finding,) = done.json["findings"]
        assert finding["remedy"]
        return finding["cause"], finding["message"]


@pytest.fixture
def cause(lab: Lab, harbor: KubectlHarbor, request: pytest.FixtureRequest) -> Cause:
    return Cause(lab, harbor, request.node.name.removeprefix("test_").replace("_", "-")[:60].strip("-"))


def test_a_pull_that_works_now(cause: Cause, host: str) -> None:
    cause.pod(f"{host}/team-a/app:1")
    assert cause.of()[0] == "PullWorksNow"


def test_a_tag_that_does_not_exist(cause: Cause, host: str) -> None:
    cause.pod(f"{host}/team-a/app:2")
    assert cause.of() == ("ImageNotFound", "the registry has no '2' of 'team-a/app'")


def test_a_project_that_does_not_exist(cause: Cause, host: str) -> None:
    cause.pod(f"{host}/absent/app:1")
    assert cause.of() == ("PullDenied", "the project 'absent' does not exist")


def test_a_rejected_password(cause: Cause, host: str) -> None:
    cause.secret({"auths": {host: {"username": "robot$other", "password": "Wrong-Password-1"}}})
    cause.pod(f"{host}/team-a/app:1", imagePullSecrets=[{"name": "a-rejected-password"}])
    assert cause.of() == ("PullCredentialRejected", "the registry rejects the login 'robot$other'")


def test_an_entry_for_another_port(cause: Cause, host: str) -> None:
    cause.secret({"auths": {"localhost:1": {"username": "a", "password": "b"}}})
    cause.pod(f"{host}/team-a/app:1", imagePullSecrets=[{"name": "an-entry-for-another-port"}])
    found, message = cause.of()
    assert found == "PullWithoutCredential"
    assert "are not added" in message


def test_a_secret_of_another_type(cause: Cause, host: str) -> None:
    cause.secret({}, "Opaque")
    cause.pod(
        f"{host}/team-a/app:1", imagePullSecrets=[{"name": "a-secret-of-another-type"}], serviceAccountName="bare"
    )
    found, message = cause.of()
    assert found == "PullWithoutCredential"
    assert "of type 'Opaque' is not a pull Secret" in message


def test_a_pod_before_its_secret(cause: Cause, lab: Lab, host: str) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "late", "namespace": TEAM}}
    lab.control_plane.apply(account)
    cause.pod(f"{host}/team-a/app:1", serviceAccountName="late")
    lab.control_plane.apply({**account, "imagePullSecrets": [{"name": "harbor-pull"}]})
    assert cause.of() == (
        "PodBeforeSecret",
        "the pod was created before its service account had 'harbor-pull'",
    )


def test_no_reference_at_all(cause: Cause, host: str) -> None:
    cause.pod(f"{host}/team-a/app:1", serviceAccountName="bare")
    assert cause.of() == (
        "PullWithoutCredential",
        "neither the pod nor its service account has `imagePullSecrets`",
    )


def test_the_message_of_the_node_decides(cause: Cause, host: str) -> None:
    cause.pod(f"{host}/team-a/app:1")
    message = "failed to do request: tls: failed to verify certificate: x509: certificate signed by unknown authority"
    assert cause.of(message) == ("CertificateUntrusted", f"the node reports: {message}")


def test_an_unknown_ca_gets_no_login(cause: Cause, host: str) -> None:
    cause.pod(f"{host}/team-a/app:1")
    found, message = cause.of(with_ca=False)
    assert found == "CertificateUntrusted"
    assert "give its CA with `--ca-file`" in message


def test_a_registry_that_does_not_answer(cause: Cause) -> None:
    cause.secret({"auths": {"localhost:1": {"username": "a", "password": "b"}}})
    cause.pod("localhost:1/a/b", imagePullSecrets=[{"name": "a-registry-that-does-not-answer"}])
    assert cause.of()[0] == "RegistryUnreachable"


@pytest.fixture(scope="module", autouse=True)
def bare(lab: Lab, team: str) -> None:
    """A service account without references, which the operator does not select."""
    lab.control_plane.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "bare", "namespace": team}}
    )


def test_why_prints_steps_cause_and_remedy(harbor: KubectlHarbor, cause: Cause, lab: Lab, host: str) -> None:
    cause.pod(f"{host}/team-a/app:1")
    cause.of()
    name = "why-prints-steps-cause-and-remedy"
    done = harbor.run("why", name, "-n", TEAM, "--ca-file", str(lab.authority.ca_path))
    assert done.out.startswith(f"team/{name}  container app  ImagePullBackOff  {host}/team-a/app:1\n")
    assert "  ✔ Secret 'harbor-pull' has an entry for" in done.out
    assert "  ✔ the registry accepts the login 'robot$" in done.out
    assert "  Cause: PullWorksNow: " in done.out
    assert "  Remedy: Wait: the kubelet tries again" in done.out


def test_verify_proves_a_namespace(harbor: KubectlHarbor, lab: Lab, host: str) -> None:
    trust = ("--ca-file", str(lab.authority.ca_path))
    done = harbor.run("verify", TEAM, "-n", "intra", "--image", f"{host}/team-a/app:1", "-o", "json", *trust)
    assert (done.code, done.json["ok"]) == (0, True), done.out
    assert len(done.json["steps"]) == 5
    done = harbor.run("verify", TEAM, "-n", "intra", *trust)
    assert done.code == 0, done.out
    done = harbor.run("verify", TEAM, "-n", "intra", "--image", f"{host}/team-a/app:9", *trust)
    assert done.code == 1
    assert "ImageNotFound: " in done.out


def test_verify_refuses_an_image_of_another_registry(harbor: KubectlHarbor) -> None:
    done = harbor.run("verify", TEAM, "-n", "intra", "--image", "docker.io/library/nginx")
    assert done.code == 2
    assert "is no image of 'localhost:" in done.err


def test_verify_finds_a_namespace_without_a_secret(harbor: KubectlHarbor, lab: Lab) -> None:
    administrator = ("--kubeconfig", str(lab.control_plane.kubeconfig))
    done = harbor.execute(["verify", "kube-system", "-n", "intra", *administrator])
    assert done.code == 1
    assert "✘ namespace 'kube-system' has no Secret 'harbor-pull'" in done.out


def test_a_report_contains_no_secret(harbor: KubectlHarbor, lab: Lab, tmp_path: Path) -> None:
    planted = "plantedPassword0123"
    container = {"name": "a", "image": "b", "env": [{"name": "PASSWORD", "value": planted}]}
    metadata = {"name": "planted", "namespace": "intra", "labels": {"release": "cr"}}
    lab.control_plane.apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
    )
    path = tmp_path / "report.tar.gz"
    done = harbor.run("report", "-n", "intra", "--file", str(path), "-o", "json")
    assert (done.code, done.json["errors"]) == (0, []), done.err
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as archive:
        opened = {entry.name: archive.extractfile(entry) for entry in archive}
        contents = {name: file.read().decode() for name, file in opened.items() if file}
    assert {name.removeprefix("harbor-report/") for name in contents} == set(done.json["contents"])
    assert "PullSecretsReady" in contents["harbor-report/registry.json"]
    secrets, made = {planted: "planted"}, made_by_tests(lab)
    for secret in listed(lab, "-A", "secrets"):
        if (secret["metadata"]["namespace"], secret["metadata"]["name"]) not in made:
            secrets |= values_of(secret)
    text = "\n".join(contents.values())
    leaks = {place for value, place in secrets.items() for spelling in spellings(value) if spelling in text}
    assert leaks == set()


def made_by_tests(lab: Lab) -> set[tuple[str, str]]:
    """Returns the Secrets of other tests, whose passwords are single letters."""
    found = listed(lab, "-n", TEAM, "secrets")
    return {(TEAM, secret["metadata"]["name"]) for secret in found} - {(TEAM, "harbor-pull")}


def test_a_report_leaves_out_what_the_person_cannot_read(harbor: KubectlHarbor, tmp_path: Path) -> None:
    path, person = tmp_path / "report.tar.gz", harbor.person("logs")
    done = harbor.execute(["report", "-n", "intra", "--file", str(path), "-o", "json", "--kubeconfig", str(person)])
    assert done.code == 1
    assert {error.split(":")[0] for error in done.json["errors"]} == {"versions", "events", "workloads", "operator"}
    assert "registry.json" in done.json["contents"]


def test_a_report_overwrites_nothing(harbor: KubectlHarbor, tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_text("mine")
    done = harbor.run("report", "-n", "intra", "--file", str(path))
    assert done.code == 2
    assert path.read_text() == "mine"
