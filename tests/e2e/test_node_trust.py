"""The DaemonSet `node-trust` on a real node: pulls with a private CA and through a mirror, and what it removes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.certs import Authority
from lab.harbor.shared import SharedHarbor
from lab.image_build.operator import missing_requirement, operator_image
from lab.in_cluster import REPOSITORY, TAG
from lab.lab import Lab, Part
from lab.nginx import Front, Site
from lab.node.apps import PULL_FAILED, write_app
from lab.node.kubelet import KubeletNode
from lab.operator_chart import render
from lab.process import LabError, free_port, wait_until
from lab.registry import Registry
from lab.skopeo import Skopeo

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(missing_requirement()), reason=f"no pods of the operator: {missing_requirement()}"),
]

NAMESPACE, DAEMONSET = "harbor-node-trust", "daemonset/harbor-operator-node-trust"
FOREIGN_HOST, FOREIGN = "foreign.example.com", 'server = "https://theirs.example.com"\n'
SECURITY = "print(open('/proc/self/status').read()); open('/etc/x', 'w')"


@dataclass(frozen=True)
class NodeTrustLab:
    """A node, a Harbor and an upstream registry with two private CAs, and images in both.

    The stand-in for Harbor has no proxy cache: its project has the images that the cache would have.
    """

    lab: Lab
    node: KubeletNode
    harbor: SharedHarbor
    upstream: Front
    upstream_authority: Authority

    @cached_property
    def harbor_host(self) -> str:
        return self.harbor.url.removeprefix("https://")

    @cached_property
    def upstream_host(self) -> str:
        return self.upstream.url.removeprefix("https://")

    @property
    def certs_dir(self) -> Path:
        return self.node.plan.certs_dir

    def files(self) -> set[str]:
        """Returns the files of the node, without locks."""
        return {str(path.relative_to(self.certs_dir)) for path in self.certs_dir.glob("*/*")}

    def kubectl(self, *arguments: str) -> str:
        return self.lab.control_plane.kubectl("-n", NAMESPACE, *arguments)

    def apply(self, *, mirrors: bool) -> None:
        """Applies the objects of the chart, and waits until the pod runs."""
        ca = self.lab.authority.ca_pem
        authorities = {self.harbor_host: ca, self.upstream_host: self.upstream_authority.ca_pem, FOREIGN_HOST: ca}
        mirror = {"registry": self.harbor_host, "project": "dockerhub"}
        values = {
            "image": {"repository": REPOSITORY, "tag": TAG},
            "nodeTrust": {
                "enabled": True,
                "authorities": authorities,
                "mirrors": {self.upstream_host: mirror} if mirrors else {},
                "certsDirs": {"containerd": str(self.certs_dir)},
            },
        }
        objects = [
            item for item in render(values) if NAMESPACE in {item["metadata"].get(key) for key in ("namespace", "name")}
        ]
        self.lab.control_plane.apply(*objects)
        try:
            self.kubectl("rollout", "status", DAEMONSET, "--timeout=90s")
        except LabError as error:
            raise LabError(f"{error}\n{self.node.describe(NAMESPACE)}") from None

    def start(self, name: str, image: str) -> None:
        """Creates a pod that always pulls its image."""
        container = {"name": "app", "image": image, "imagePullPolicy": "Always"}
        spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
        metadata = {"name": name, "namespace": "default"}
        self.lab.control_plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    def wait_pulled(self, name: str) -> None:
        """Waits until the pod runs. Raises LabError."""
        try:
            self.lab.control_plane.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=90s")
        except LabError as error:
            raise LabError(f"{error}\n{self.node.describe('default')}") from None

    def wait_refused(self, name: str) -> None:
        """Waits until the kubelet cannot pull the image of the pod."""

        def is_refused() -> bool:
            pod: dict[str, Any] = self.lab.control_plane.client.read(f"/api/v1/namespaces/default/pods/{name}") or {}
            states = [status["state"] for status in pod["status"].get("containerStatuses", [])]
            return any(state.get("waiting", {}).get("reason") in PULL_FAILED for state in states)

        wait_until(is_refused, f"the kubelet fails to pull the image of '{name}'", deadline=90)


@pytest.fixture(scope="module")
def trust() -> Iterator[NodeTrustLab]:
    image = operator_image(f"{REPOSITORY}:{TAG}")
    with Lab.start({Part.CONTROL_PLANE, Part.NODE}, kubelet=True) as lab:
        assert lab.kubelet
        lab.kubelet.import_images(image)
        harbor = SharedHarbor.start(lab.directory / "harbor", lab.processes, lab.authority)
        authority = Authority.create(lab.directory / "upstream-authority")
        registry = start_registry(lab)
        front = Front.start(
            lab.directory / "upstream-front", lab.processes, authority, Site(registry, host_header="$http_host")
        )
        trust = NodeTrustLab(lab, lab.kubelet, harbor, front, authority)
        push_images(trust)
        (trust.certs_dir / FOREIGN_HOST).mkdir()
        (trust.certs_dir / FOREIGN_HOST / "hosts.toml").write_text(FOREIGN)
        yield trust


def start_registry(lab: Lab) -> str:
    home, port = lab.directory / "upstream", free_port()
    home.mkdir()
    storage = {"filesystem": {"rootdirectory": str(home / "data")}}
    config = {"version": 0.1, "storage": storage, "http": {"addr": f"127.0.0.1:{port}"}}
    (home / "config.yml").write_text(yaml.safe_dump(config))
    registry = Registry.start(home / "config.yml", {}, lab.processes, name="upstream-registry")
    return f"http://{registry.address}"


def push_images(trust: NodeTrustLab) -> None:
    lab = trust.lab
    login = base64.b64encode(f"admin:{trust.harbor.core.admin_password}".encode()).decode()
    auth = lab.directory / "admin.json"
    auth.write_text(json.dumps({"auths": {trust.harbor_host: {"auth": login}}}))
    layout, skopeo = write_app(lab.directory / "app"), Skopeo(lab.directory / "skopeo")
    for project in ("team-a", "dockerhub"):
        trust.harbor.create_public_project(project)
    for name in ("team-a/app:1", "dockerhub/library/app:1"):
        skopeo.copy_in(layout, f"{trust.harbor_host}/{name}", authfile=auth, ca_dir=lab.authority.ca_dir)
    for name in ("library/app:1", "library/app:2", "library/app:3"):
        skopeo.copy_in(layout, f"{trust.upstream_host}/{name}", ca_dir=trust.upstream_authority.ca_dir)


def test_a_pull_works_after_the_daemonset_and_not_before(trust: NodeTrustLab) -> None:
    trust.start("before", f"{trust.harbor_host}/team-a/app:1")
    trust.wait_refused("before")
    trust.apply(mirrors=True)
    trust.start("after", f"{trust.harbor_host}/team-a/app:1")
    trust.wait_pulled("after")


def test_a_foreign_file_stays(trust: NodeTrustLab) -> None:
    path = trust.certs_dir / FOREIGN_HOST / "hosts.toml"
    assert path.read_text() == FOREIGN
    assert f"kept '{path}', which node-trust has not written" in trust.kubectl("logs", DAEMONSET)


def test_the_pod_has_no_capability_and_no_token(trust: NodeTrustLab) -> None:
    with pytest.raises(LabError) as caught:
        trust.kubectl("exec", DAEMONSET, "--", "python3", "-c", SECURITY)
    assert "Read-only file system" in str(caught.value)
    (pod,) = json.loads(trust.kubectl("get", "pods", "-o", "json"))["items"]
    assert {next(iter(volume.keys() - {"name"})) for volume in pod["spec"]["volumes"]} == {"configMap", "hostPath"}
    status = trust.kubectl("exec", DAEMONSET, "--", "python3", "-c", SECURITY.partition(";")[0])
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert (fields["CapEff"], fields["CapBnd"], fields["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")


def test_a_pull_of_a_mirrored_registry_goes_through_harbor(trust: NodeTrustLab) -> None:
    harbor, upstream = trust.harbor.front.mark(), trust.upstream.mark()
    trust.start("mirrored", f"{trust.upstream_host}/library/app:1")
    trust.wait_pulled("mirrored")
    paths = {request.path for request in trust.harbor.front.requests_since(harbor)}
    assert "/v2/dockerhub/library/app/manifests/1" in paths
    assert trust.upstream.requests_since(upstream) == []


def test_an_image_that_the_project_does_not_have_comes_from_the_upstream(trust: NodeTrustLab) -> None:
    trust.start("missing", f"{trust.upstream_host}/library/app:2")
    trust.wait_pulled("missing")


def test_a_rolling_update_keeps_the_files(trust: NodeTrustLab) -> None:
    path = trust.certs_dir / trust.harbor_host / "ca.crt"
    before = path.stat()
    (former,) = json.loads(trust.kubectl("get", "pods", "-o", "json"))["items"]
    trust.kubectl("rollout", "restart", DAEMONSET)
    trust.kubectl("rollout", "status", DAEMONSET, "--timeout=90s")
    trust.kubectl("wait", f"pod/{former['metadata']['name']}", "--for=delete", "--timeout=60s")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_pull_works_while_harbor_is_stopped(trust: NodeTrustLab) -> None:
    trust.harbor.front.stop()
    trust.start("fallen-through", f"{trust.upstream_host}/library/app:3")
    trust.wait_pulled("fallen-through")


def test_a_removed_mirror_leaves_no_file(trust: NodeTrustLab) -> None:
    trust.apply(mirrors=False)
    # A change of the pod makes the kubelet update its ConfigMap at once, and not within two minutes.
    trust.kubectl("annotate", "pods", "--all", "updated=1")
    path = trust.certs_dir / trust.upstream_host / "hosts.toml"
    wait_until(lambda: "override_path" not in path.read_text(), "the file of the mirror is replaced", deadline=150)
    assert f'ca = "{path.parent}/ca.crt"' in path.read_text()


def test_the_deletion_removes_what_it_wrote_and_nothing_else(trust: NodeTrustLab) -> None:
    assert len(trust.files()) > 1
    trust.kubectl("delete", DAEMONSET, "--cascade=foreground", "--timeout=60s")
    wait_until(lambda: trust.files() == {f"{FOREIGN_HOST}/hosts.toml"}, "only the foreign file is left", deadline=30)
    assert (trust.certs_dir / FOREIGN_HOST / "hosts.toml").read_text() == FOREIGN
    assert [path.name for path in trust.certs_dir.iterdir()] == [FOREIGN_HOST]
