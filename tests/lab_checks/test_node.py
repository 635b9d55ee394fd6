"""The real node: what a pod can reach, a registry whose pods run, pulls with the injected Secret, and a clean end."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import Lab, Part
from tests.lab.node.apps import deployment, wait_refused, wait_running, write_app
from tests.lab.node.cgroups import ROOT, sweep
from tests.lab.node.images import PYTHON_IMAGE, harbor_images
from tests.lab.node.kubelet import PROJECT_ROOT, KubeletNode
from tests.lab.node.programs import obstacle
from tests.lab.observer import Observer
from tests.lab.operator import Operator
from tests.lab.process import LabError, free_port, wait_until
from tests.lab.stage import Stage, install

pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(obstacle()), reason=f"no real node here: {obstacle()}")]

OPEN, CLOSED = "shop", "kube-closed"
SERVER = "import urllib.request as u; print(u.urlopen('{}', timeout=5).read().decode())"
API = (
    "import ssl, socket; t = ssl.create_default_context(cafile='/var/run/secrets/kubernetes.io/serviceaccount/ca.crt');"
    "s = socket.create_connection(('kubernetes.default.svc', 443), 5);"
    "print(t.wrap_socket(s, server_hostname='kubernetes.default.svc').version())"
)

VICTIM = """
from tests.lab.lab import Lab, Part
from tests.lab.node.kubelet import KubeletNode
lab = Lab.start({Part.CONTROL_PLANE})
node = KubeletNode.start(lab.directory, lab.control_plane, lab.processes, lab.authority)
print(lab.directory, node.plan.cgroup, flush=True)
input()
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab.start(kubelet=True) as lab:
        yield lab


@pytest.fixture(scope="module")
def node(lab: Lab) -> KubeletNode:
    assert lab.kubelet is not None
    lab.kubelet.import_images(harbor_images(lab.chart))
    return lab.kubelet


@pytest.fixture(scope="module")
def pods(lab: Lab, node: KubeletNode) -> None:
    """A pod that serves behind a Service, and one to look from."""
    idle = ["-c", "import signal; signal.pause()"]
    lab.control_plane.apply(
        _pod("web", ["/app/tests/lab/node/standin.py", "8080", "/", "from a pod"]),
        _pod("client", idle),
        _object("v1", "Service", "web", spec={"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}),
    )
    wait_running(lab.control_plane, node, "default", 2)


@pytest.fixture(scope="module")
def stage(lab: Lab, node: KubeletNode) -> Iterator[Stage]:
    """The full registry of deploy/examples, its pods on the node."""
    install(lab)
    stage = Stage.set_up(lab)
    operator = Operator.start(lab.control_plane, lab.processes)
    stage.registry.apply(stage.spec)
    try:
        stage.registry.wait_ready()
    except Exception as error:
        error.add_note(node.describe("intra"))
        raise
    yield stage
    operator.stop()


@pytest.fixture(scope="module")
def image(lab: Lab, stage: Stage) -> str:
    """A private image that nobody has, pushed a moment ago."""
    layout = write_app(lab.directory / "app")
    reference = f"{stage.front.url.removeprefix('https://')}/team-a/app:1"
    stage.skopeo.copy_in(layout, reference, authfile=stage.admin_credential(), ca_dir=lab.authority.ca_dir)
    return reference


def test_a_pod_reaches_a_service_by_its_name(lab: Lab, pods: None) -> None:
    for name in ("web", "web.default.svc.cluster.local"):
        _wait_says(lab, SERVER.format(f"http://{name}/"), "from a pod")


def test_a_pod_reaches_the_api_server(lab: Lab, pods: None) -> None:
    _wait_says(lab, API, "TLSv1.3")


def test_loopback_means_the_same_server_to_a_pod_and_to_the_lab(lab: Lab, pods: None) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"from the lab")

    with ThreadingHTTPServer(("127.0.0.1", free_port()), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            _wait_says(lab, SERVER.format(f"http://localhost:{server.server_port}/"), "from the lab")
        finally:
            server.shutdown()


def test_a_claim_is_granted(lab: Lab, node: KubeletNode) -> None:
    size = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    pod = _pod("writer", ["-c", "open('/data/x', 'w'); import signal; signal.pause()"], namespace="kube-public")
    pod["spec"]["securityContext"] = {"runAsUser": 10000, "fsGroup": 10000}
    pod["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    lab.control_plane.apply(_object("v1", "PersistentVolumeClaim", "data", namespace="kube-public", spec=size), pod)
    wait_running(lab.control_plane, node, "kube-public")
    wait_until(lambda: list(node.plan.path("volumes").glob("*/x")), "the pod has written", deadline=10)


def test_the_pods_of_the_release_run(lab: Lab, stage: Stage) -> None:
    template = "-ojsonpath={range .items[*].status.containerStatuses[*]}{.name}={.ready}/{.restartCount} {end}"
    seen = lab.control_plane.kubectl("-n", "intra", "get", "pods", template).split()
    parts = ("core", "jobservice", "portal", "registry", "registryctl")
    assert sorted(seen) == [f"{part}=true/0" for part in parts]


def test_a_new_namespace_runs_a_private_image_without_mentioning_a_secret(
    lab: Lab, node: KubeletNode, image: str
) -> None:
    observer = Observer(lab.control_plane)
    observer.create_namespace(OPEN)
    observer.wait_holds(OPEN)
    observer.close()
    lab.control_plane.apply(deployment(OPEN, image))
    wait_running(lab.control_plane, node, OPEN)


def test_an_excluded_namespace_may_not_even_use_what_the_node_has(lab: Lab, node: KubeletNode, image: str) -> None:
    lab.control_plane.apply(_object("v1", "Namespace", CLOSED, namespace=None))
    lab.control_plane.apply(deployment(CLOSED, image))
    wait_refused(lab.control_plane, node, CLOSED)


def test_the_end_leaves_nothing() -> None:
    with Lab.start({Part.CONTROL_PLANE}) as lab:
        node = KubeletNode.start(lab.directory, lab.control_plane, lab.processes, lab.authority)
        lab.control_plane.apply(_pod("idle", ["sleep", "600"], image="localhost/pause:1", namespace="kube-public"))
        home, group = node.plan.home, node.plan.cgroup
        wait_until(lambda: list(ROOT.glob(f"**/{group}/kubepods")), "a group of pods", deadline=30)
        node.stop()
        assert list(ROOT.glob(f"**/{group}")) == []
        assert [one for one in _command_lines() if home in one] == []
        assert home not in Path("/proc/self/mounts").read_text()
        assert not Path("/sys/class/net/node0").exists()


def test_a_killed_lab_takes_its_node_along() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM], cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as victim:
        assert victim.stdout is not None
        directory, group = victim.stdout.readline().split()
        assert Path(directory, "node").exists()
        victim.kill()
    wait_until(lambda: not [one for one in _command_lines() if directory in one], "everything has ended", deadline=20)
    sweep()
    assert list(ROOT.glob(f"*/{group}")) == []
    shutil.rmtree(directory)


def _command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_text()
        except OSError:
            continue


def _object(version: str, kind: str, name: str, *, namespace: str | None = "default", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def _pod(name: str, args: list[str], *, image: str = PYTHON_IMAGE, namespace: str = "default") -> dict[str, Any]:
    spec = {"terminationGracePeriodSeconds": 0, "containers": [{"name": "only", "image": image, "args": args}]}
    pod = _object("v1", "Pod", name, namespace=namespace, spec=spec)
    pod["metadata"]["labels"] = {"app": name}
    return pod


def _wait_says(lab: Lab, program: str, answer: str) -> None:
    """Returns once a program in the client's pod prints the answer: a pod may run before its server listens."""

    def says() -> bool:
        try:
            return answer in _python(lab, program)
        except LabError:
            return False

    wait_until(says, f"a pod hears '{answer}'", deadline=30, interval=0.3)


def _python(lab: Lab, code: str) -> str:
    return lab.control_plane.kubectl("exec", "client", "--", "/usr/bin/python3", "-c", code)
