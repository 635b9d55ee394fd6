"""A real controller of the Gateway API: Traefik's provider, router and certificate store, on the lab's API server.

    install_gateway_api(plane)
    traefik = Traefik.start(plane, processes, port)    # serves HTTPS on loopback
    lab.kubelet.gateway(port)                          # -> the same, in front of the pods of the real node
    put_class(plane); put_gateway(plane, "networking", "public", listener("https", port, "cr-tls"))
    traefik.url                                        # https://localhost:PORT
    traefik.stop()

It reports the conditions of GatewayClass, Gateway, HTTPRoute and BackendTLSPolicy. The port of a listener must be the
port of the controller. Filters of routes and plain HTTP are left out; see `tools/traefik/main.go`.
"""

from __future__ import annotations

import ssl
from http.client import HTTPSConnection
from typing import TYPE_CHECKING, Any

from lab.addresses import HOST, NAMES, join
from lab.gotools import program
from lab.process import Process, Processes, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from lab.controlplane import ControlPlane

NAME = "traefik"
NAMESPACE = "lab-gateways"
"""Where the controller's service account is."""
CONTROLLER = "traefik.io/gateway-controller"
API = {"apiVersion": "gateway.networking.k8s.io/v1"}
GROUP = "gateway.networking.k8s.io"
START_SECONDS = 30.0

READ = ["get", "list", "watch"]
RULES: list[dict[str, Any]] = [
    {"apiGroups": [""], "resources": ["namespaces", "services", "secrets", "configmaps"], "verbs": READ},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": READ},
    {"apiGroups": [GROUP], "resources": ["*"], "verbs": READ},
    {
        "apiGroups": [GROUP],
        "resources": [f"{kind}/status" for kind in ("gatewayclasses", "gateways", "httproutes", "backendtlspolicies")],
        "verbs": ["update"],
    },
]
"""The rights of Traefik's documentation, without those for routes that Harbor does not use."""
ACCOUNT = {"name": NAME, "namespace": NAMESPACE}
OBJECTS: tuple[dict[str, Any], ...] = (
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": ACCOUNT},
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "lab-traefik"},
        "rules": RULES,
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "lab-traefik"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "lab-traefik"},
        "subjects": [{"kind": "ServiceAccount", **ACCOUNT}],
    },
)
GATEWAY_CLASS = {**API, "kind": "GatewayClass", "metadata": {"name": NAME}, "spec": {"controllerName": CONTROLLER}}


class Traefik:
    """The running controller."""

    def __init__(self, process: Process, port: int) -> None:
        self._process = process
        self.port = port

    @classmethod
    def start(cls, plane: ControlPlane, processes: Processes, port: int, *, node_pid: int = 0) -> Traefik:
        """Serves HTTPS on this port of loopback; with `node_pid` it connects to the pods of that node.

        The CRDs of the Gateway API must be installed. There is no GatewayClass until `put_class`. Raises LabError.
        """
        plane.apply(*OBJECTS)
        kubeconfig = plane.kubeconfig_for_service_account(NAMESPACE, NAME)
        argv: list[str | Path] = [program(NAME), join(HOST, port), *([str(node_pid)] if node_pid else [])]
        made = cls(processes.start(NAME, argv, env={"KUBECONFIG": str(kubeconfig)}), port)
        wait_until(made._answers, "Traefik serves", deadline=START_SECONDS, process=made._process)
        return made

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"https://{join(NAMES[0], self.port)}"

    def stop(self) -> None:
        """Ends the controller; what it reported stays."""
        self._process.stop()

    def _answers(self) -> bool:
        """Whether it answers a request, with a certificate of its own while there is no Gateway."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection(HOST, self.port, timeout=5, context=context)
        try:
            connection.request("GET", "/")
            return bool(connection.getresponse().status)
        except OSError:
            return False
        finally:
            connection.close()


def put_class(plane: ControlPlane) -> None:
    """Creates the GatewayClass of the controller."""
    plane.apply(GATEWAY_CLASS)


def listener(name: str, port: int, secret: str, **fields: Any) -> dict[str, Any]:
    """Returns an HTTPS listener with the certificate of a Secret; `fields` are added, such as `allowedRoutes`."""
    references = [{"kind": "Secret", "name": secret}]
    return {"name": name, "port": port, "protocol": "HTTPS", "tls": {"certificateRefs": references}, **fields}


def put_gateway(plane: ControlPlane, namespace: str, name: str, *listeners: dict[str, Any]) -> None:
    """Creates or changes a Gateway of the controller's class."""
    spec = {"gatewayClassName": NAME, "listeners": list(listeners)}
    plane.apply({**API, "kind": "Gateway", "metadata": {"name": name, "namespace": namespace}, "spec": spec})
