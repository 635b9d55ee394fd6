"""The real node: networking of pods, volumes, ingress, and cleanup."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lab.lab import Lab, Part
from lab.node.apps import wait_running
from lab.node.cgroups import ROOT, sweep
from lab.node.kubelet import PROJECT_ROOT, KubeletNode
from lab.node.programs import missing_requirement
from lab.process import free_port, wait_until
from tests.lab_checks.node_objects import fetch, make_object, make_pod, wait_for_output

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(missing_requirement()), reason=f"no real node here: {missing_requirement()}"),
]

FETCH = "import urllib.request as u; print(u.urlopen('{}', timeout=5).read().decode())"
TLS_TO_API = (
    "import ssl, socket; t = ssl.create_default_context(cafile='/var/run/secrets/kubernetes.io/serviceaccount/ca.crt');"
    "s = socket.create_connection(('kubernetes.default.svc', 443), 5);"
    "print(t.wrap_socket(s, server_hostname='kubernetes.default.svc').version())"
)

KILLED_LAB = """
from lab.chart import resolve
from lab.lab import Lab, Part
from lab.node.kubelet import KubeletNode
lab = Lab.start({Part.CONTROL_PLANE})
node = KubeletNode.start(lab.directory, lab.control_plane, lab.processes, lab.authority)
print(lab.directory, node.plan.cgroup, flush=True)
input()
"""


@pytest.fixture(scope="module")
def lab(node_lab: Lab) -> Lab:
    return node_lab


@pytest.fixture(scope="module")
def pods(lab: Lab, node: KubeletNode) -> None:
    """A pod that serves behind a Service, and a client pod."""
    idle = ["-c", "import signal; signal.pause()"]
    lab.control_plane.apply(
        make_pod("web", ["/app/lab/node/http_stub.py", "8080", "from a pod", "/"]),
        make_pod("client", idle),
        make_object(
            "v1", "Service", "web", spec={"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}
        ),
    )
    wait_running(lab.control_plane, node, "default", 2)


def test_a_pod_reaches_a_service_by_its_name(lab: Lab, pods: None) -> None:
    for name in ("web", "web.default.svc.cluster.local"):
        wait_for_output(lab, FETCH.format(f"http://{name}/"), "from a pod")


def test_a_pod_reaches_the_api_server(lab: Lab, pods: None) -> None:
    wait_for_output(lab, TLS_TO_API, "TLSv1.3")


def test_loopback_means_the_same_server_to_a_pod_and_to_the_lab(lab: Lab, pods: None) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"from the lab")

    with ThreadingHTTPServer(("127.0.0.1", free_port()), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            wait_for_output(lab, FETCH.format(f"http://localhost:{server.server_port}/"), "from the lab")
        finally:
            server.shutdown()


def test_a_volume_claim_is_bound(lab: Lab, node: KubeletNode) -> None:
    size = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    pod = make_pod("writer", ["-c", "open('/data/x', 'w'); import signal; signal.pause()"], namespace="kube-public")
    pod["spec"]["securityContext"] = {"runAsUser": 10000, "fsGroup": 10000}
    pod["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    lab.control_plane.apply(make_object("v1", "PersistentVolumeClaim", "data", namespace="kube-public", spec=size), pod)
    wait_running(lab.control_plane, node, "kube-public")
    wait_until(lambda: list(node.plan.path("volumes").glob("*/x")), "the pod has written", deadline=10)


def test_an_ingress_configures_the_controller(lab: Lab, node: KubeletNode, pods: None) -> None:
    front, plane = node.ingress("default"), lab.control_plane
    with pytest.raises(ssl.SSLCertVerificationError):
        fetch(lab, front.url)
    issued = lab.authority.issue("web")
    plane.kubectl("create", "secret", "tls", "web", f"--cert={issued.cert_path}", f"--key={issued.key_path}")
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rule = {"host": "localhost", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    spec = {"ingressClassName": "nginx", "rules": [rule], "tls": [{"hosts": ["localhost"], "secretName": "web"}]}
    plane.apply(make_object("networking.k8s.io/v1", "Ingress", "web", spec=spec))
    wait_until(lambda: fetch(lab, front.url) == (200, "from a pod"), "the Ingress leads to the pod", deadline=30)

    mark, large = front.mark(), b"x" * (2 << 20)
    wait_until(lambda: fetch(lab, f"{front.url}/absent", large)[0] == 413, "the default body limit", deadline=30)
    plane.kubectl("annotate", "ingress", "web", "nginx.ingress.kubernetes.io/proxy-body-size=0")
    wait_until(lambda: fetch(lab, f"{front.url}/absent", large)[0] == 501, "no body limit", deadline=30)
    seen = [(request.method, request.status, request.path) for request in front.requests_since(mark)]
    assert (seen[0], seen[-1]) == (("POST", 413, "/absent"), ("POST", 501, "/absent"))

    plane.kubectl("delete", "service", "web")
    wait_until(lambda: fetch(lab, front.url)[0] == 503, "503 without the Service", deadline=30)
    front.stop()


def test_a_stopped_node_leaves_nothing() -> None:
    with Lab.start({Part.CONTROL_PLANE}) as lab:
        node = KubeletNode.start(lab.directory, lab.control_plane, lab.processes, lab.authority)
        lab.control_plane.apply(make_pod("idle", ["sleep", "600"], image="localhost/pause:1", namespace="kube-public"))
        home, group = node.plan.home, node.plan.cgroup
        wait_until(lambda: list(ROOT.glob(f"**/{group}/kubepods")), "the control group of the pods exists", deadline=30)
        node.stop()
        assert list(ROOT.glob(f"**/{group}")) == []
        assert [one for one in _command_lines() if home in one] == []
        assert home not in Path("/proc/self/mounts").read_text()
        assert not Path("/sys/class/net/node0").exists()


def test_a_killed_lab_leaves_no_processes() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_LAB], cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        directory, group = child.stdout.readline().split()
        assert Path(directory, "node").exists()
        child.kill()
    wait_until(
        lambda: not [one for one in _command_lines() if directory in one], "every process has ended", deadline=20
    )
    sweep()
    assert list(ROOT.glob(f"*/{group}")) == []
    shutil.rmtree(directory)


def _command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_text()
        except OSError:
            continue
