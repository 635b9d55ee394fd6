"""The quickstart and the how-to pages on a real API server: every manifest is accepted, and every command runs.

The operator does not run: the test creates what it would create. The commands that wait for it, build an image or need
another tool are replaced by `SUBSTITUTES` of `doc_folder`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harbor_operator.kubectl.backups.source import APPLIED_METADATA
from lab.controlplane import ControlPlane
from lab.debian import locate
from lab.lab import Lab, Part
from lab.process import wait_until
from lab.registries import Registry, example
from lab.registry_fixture import install
from tests.contract.doc_folder import Folder
from tests.doc_blocks import HOW_TOS, ROOT, Block, page_blocks, registries

FOLLOWED = {
    "adopt",
    "air-gap",
    "backup",
    "gateway-api",
    "gitops",
    "internal-tls",
    "log-in",
    "many-clusters",
    "mirrors",
    "other-stores",
    "migrate",
    "migrate-storage",
    "openshift",
    "private-ca",
    "proxies",
    "quickstart",
    "s3",
    "s3-identity",
    "upgrade",
}
"""The pages that a test below follows."""
needs_jq = pytest.mark.skipif(not shutil.which("jq"), reason="the page uses jq, which is not installed")
OWNER = {"app.kubernetes.io/managed-by": "harbor-operator", "harbor-operator.io/registry-name": "cr"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A control plane of its own, because a page deletes the CRD."""
    with Lab.start({Part.CONTROL_PLANE}) as lab:
        yield lab


@pytest.fixture
def plane(lab: Lab) -> ControlPlane:
    """The control plane with an installed operator that does not run, and without a registry."""
    install(lab)
    lab.control_plane.kubectl("-n", "intra", "delete", "hreg,secrets", "--all", "--ignore-not-found")
    return lab.control_plane


@pytest.fixture
def folder(tmp_path: Path, lab: Lab) -> Folder:
    return Folder(tmp_path, lab)


@pytest.fixture
def registry(plane: ControlPlane) -> Registry:
    """The registry of deploy/examples/full.yaml, with Secrets as the operator creates them."""
    registry = Registry(plane, "intra", "cr")
    registry.prepare()
    plane.apply(*example("full.yaml"), *(generated_secret(name) for name in ("admin-password", "pins")))
    return registry


def generated_secret(name: str) -> dict[str, Any]:
    metadata = {"name": f"hreg-cr-{name}", "namespace": "intra", "labels": OWNER}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"password": "Passw0rd"}}


def how_to(name: str) -> list[Block]:
    return page_blocks(ROOT / "docs" / "how-to" / f"{name}.md")


def deployment(plane: ControlPlane) -> Any:
    return plane.client.read("/apis/apps/v1/namespaces/harbor-operator/deployments/harbor-operator")


def names_in_role(plane: ControlPlane, resource: str) -> list[str]:
    role = plane.client.read("/apis/rbac.authorization.k8s.io/v1/clusterroles/harbor-operator") or {}
    (names,) = [rule["resourceNames"] for rule in role["rules"] if rule["resources"] == [resource]]
    return list(names)


def test_every_page_is_followed() -> None:
    assert {page.stem for page in HOW_TOS if page_blocks(page)} == FOLLOWED


def test_the_api_server_accepts_every_registry(registry: Registry, plane: ControlPlane) -> None:
    manifests = [manifest for page in HOW_TOS for block in page_blocks(page) for manifest in registries(block)]
    assert manifests
    for manifest in manifests:
        manifest["metadata"]["name"] = "not-yet-there"  # an existing one has immutable fields
        plane.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", input=json.dumps(manifest))


@pytest.fixture
def bare(lab: Lab) -> ControlPlane:
    """The control plane without anything that this project installs."""
    kubectl = lab.control_plane.kubectl
    kubectl("delete", "-k", str(ROOT / "deploy"), "--ignore-not-found")
    kubectl("delete", "namespace", "intra", "hello", "--ignore-not-found")
    return lab.control_plane


@pytest.mark.parametrize("way", ["helm ", "-k ."])
def test_the_quickstart(bare: ControlPlane, folder: Folder, way: str) -> None:
    """One of the two ways to install the operator, and to remove it."""
    (other,) = {"helm ", "-k ."} - {way}
    blocks = [block for block in page_blocks(ROOT / "docs" / "quickstart.md") if other not in block.text]
    *steps, push, pull, clean_up, remove = blocks
    folder.follow(steps)
    (spec,) = [manifest["spec"] for block in steps for manifest in registries(block)]
    assert Registry(bare, "intra", "cr").read()["spec"]["externalURL"] == spec["externalURL"]
    bare.apply(generated_secret("admin-password"))
    folder.follow([push, pull, clean_up, remove])
    registries_path = "/apis/harbor-operator.io/v1alpha1/harborregistries"
    wait_until(lambda: not bare.client.answers(registries_path), "the resource is not served any more", deadline=30)


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("air-gap", "HARBOR_OPERATOR_CHART_SOURCES"),
        ("many-clusters", "HARBOR_OPERATOR_CLUSTER_ID"),
        ("proxies", "HARBOR_OPERATOR_HTTPS_PROXY"),
    ],
)
def test_a_page_with_a_setting(plane: ControlPlane, folder: Folder, name: str, variable: str) -> None:
    folder.follow(how_to(name))
    (container,) = deployment(plane)["spec"]["template"]["spec"]["containers"]
    assert {entry["name"] for entry in container["env"]} >= {variable, "HARBOR_OPERATOR_INJECTION_NAMESPACES"}


def test_openshift(plane: ControlPlane, folder: Folder) -> None:
    folder.follow(how_to("openshift"))
    security = deployment(plane)["spec"]["template"]["spec"]["securityContext"]
    assert security == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert names_in_role(plane, "serviceaccounts") == ["default", "builder", "deployer"]


@pytest.mark.parametrize(
    "name", ["log-in", "migrate-storage", "mirrors", "other-stores", "private-ca", "s3", "s3-identity", "upgrade"]
)
def test_a_page_about_an_existing_registry(registry: Registry, folder: Folder, name: str) -> None:
    folder.follow(how_to(name))


def test_gateway_api(registry: Registry, plane: ControlPlane, folder: Folder) -> None:
    plane.kubectl("create", "namespace", "networking")
    folder.follow(how_to("gateway-api"))
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    roles = ("gateway-api", "gateway-api-view", "backend-tls")
    intra = [f"harbor-operator-{role}" for role in roles]
    bindings = [*((registry.namespace, name) for name in intra), ("networking", "harbor-operator-gateway-view")]
    for namespace, name in bindings:
        assert plane.client.answers(f"{rbac}/clusterroles/{name}")
        assert plane.client.answers(f"{rbac}/namespaces/{namespace}/rolebindings/{name}")


def test_internal_tls(registry: Registry, folder: Folder) -> None:
    certificate = (folder.path / "tls.crt").read_text()
    registry.put_secret("hreg-cr-internal-tls-core", {"tls.crt": certificate})
    folder.follow(how_to("internal-tls"))


def test_adopt(plane: ControlPlane, folder: Folder) -> None:
    Registry(plane, "intra", "cr").prepare()
    folder.follow(how_to("adopt"))
    assert Registry(plane, "intra", "cr").read()["spec"]["release"]["adoptionPlan"] == "0d2a2b29"


def test_gitops(plane: ControlPlane, folder: Folder) -> None:
    Registry(plane, "intra", "cr").prepare()
    folder.follow(how_to("gitops"))
    assert Registry(plane, "intra", "cr").read()["spec"]["release"]["version"] == "1.19.1"


@needs_jq
def test_migrate_removes_the_old_entry_and_secret_only(registry: Registry, plane: ControlPlane, folder: Folder) -> None:
    plane.kubectl("create", "namespace", "team-a")
    plane.kubectl("-n", "team-a", "create", "secret", "generic", "regcred")
    plane.kubectl("-n", "team-a", "create", "secret", "generic", "harbor-pull")
    path = "/api/v1/namespaces/team-a/serviceaccounts/default"
    wait_until(lambda: plane.client.answers(path), "the service account exists", deadline=30)
    entries = {"imagePullSecrets": [{"name": "regcred"}, {"name": "harbor-pull"}]}
    plane.kubectl("-n", "team-a", "patch", "serviceaccount", "default", "--type=merge", "-p", json.dumps(entries))
    folder.follow(how_to("migrate"))
    account = plane.client.read(path) or {}
    assert account["imagePullSecrets"] == [{"name": "harbor-pull"}]
    assert plane.kubectl("-n", "team-a", "get", "secrets", "-o", "name").split() == ["secret/harbor-pull"]
    assert names_in_role(plane, "secrets") == ["harbor-pull", "regcred"]


def test_a_backup_can_be_restored(registry: Registry, plane: ControlPlane, folder: Folder) -> None:
    """Follows the commands that need no Harbor; tests/e2e/test_backup.py runs the others."""
    spec, secret = registry.read()["spec"], registry.secret("hreg-cr-pins")
    age = locate("age", ["age"]).path.parent
    folder.put_command("pg_restore", "exit 0")
    for name in ("age", "age-keygen"):
        folder.put_command(name, f'exec {age / name} "$@"')
    make_keys, *others, check = how_to("backup")
    folder.follow([make_keys])
    (restore,) = [block for block in others if block.text.startswith("pg_restore")]
    bundle = folder.path / "harbor-2026-11-28"
    bundle.mkdir()
    (bundle / "registry.json").write_text(json.dumps(applied(registry.read())))
    listed = json.loads(plane.kubectl("-n", "intra", "get", "secrets", "-o", "json"))
    secrets = json.dumps({**listed, "items": [applied(one) for one in listed["items"]]})
    recipient = re.search(r"age1\w+", (folder.path / "backup-identity.txt").read_text())
    assert recipient
    command = [str(age / "age"), "-e", "-r", recipient[0], "-o", str(bundle / "secrets.json.age")]
    subprocess.run(command, input=secrets.encode(), check=True)
    plane.kubectl("-n", "intra", "delete", "hreg,secrets", "--all")
    folder.follow([restore, check])
    assert (registry.read()["spec"], registry.secret("hreg-cr-pins")) == (spec, secret)


def applied(found: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an object as a backup stores it."""
    metadata = {key: value for key, value in found["metadata"].items() if key in APPLIED_METADATA}
    return {**{key: value for key, value in found.items() if key != "status"}, "metadata": metadata}
