"""Everything that a registry needs, prepared as a platform team would: CRD, RBAC, Secrets, certificate, TLS proxy.

The operator is started separately; see `lab.operator`.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab.addresses import CACHE_HOST, NAMES, join
from lab.harbor.workloads import Workloads
from lab.ingress.front import IngressFront
from lab.nginx import Front, Site
from lab.process import wait_until
from lab.registries import Registry, example, merged
from lab.skopeo import Skopeo

if TYPE_CHECKING:
    from lab.controlplane import ControlPlane
    from lab.lab import Lab

ROOT = Path(__file__).parents[1]
SWIFT_KEY = "swiftKey0123456789"

Manifest = dict[str, Any]


class RegistryFixture:
    """One full registry with everything that its spec references; `registry` is not applied yet."""

    def __init__(self, lab: Lab, registry: Registry, front: Front | IngressFront, values: Manifest) -> None:
        self.lab = lab
        self.registry = registry
        self.front = front
        self._values = values
        self.container = f"harbor-{registry.namespace}"
        self.skopeo = Skopeo(lab.directory / f"skopeo-{registry.namespace}")

    @classmethod
    def set_up(
        cls, lab: Lab, namespace: str = "intra", name: str = "cr", *, values: Manifest | None = None
    ) -> RegistryFixture:
        """Creates the namespace and the referenced Secrets; `values` are chart values for the spec."""
        registry = Registry(lab.control_plane, namespace, name)
        registry.prepare()
        fixture = cls(lab, registry, _front(lab, registry), values or {})
        fixture._put_secrets()
        return fixture

    @property
    def spec(self) -> Manifest:
        """The spec of deploy/examples/full.yaml with the addresses of this lab."""
        services, chart = self.lab.services, self.lab.chart
        (full,) = example("full.yaml")
        changes: Manifest = {
            "externalURL": self.front.url,
            "checkIntervalSeconds": 5,
            "release": {"chart": chart.reference, "version": chart.version, "values": self._values},
            "database": {
                "host": services.postgres.host,
                "port": services.postgres.port,
                "names": {"core": f"registry_{self.registry.namespace.replace('-', '_')}"},
            },
            "cache": {"addresses": [join(CACHE_HOST, services.redis.port)]},
            "storage": {"swift": {"authURL": services.auth_url, "container": self.container, "chunkSizeMiB": 5}},
        }
        return merged(full["spec"], changes)

    def credential(self, namespace: str, name: str = "harbor-pull") -> Path:
        """Writes the pull Secret of a namespace to an auth file for skopeo, and returns its path."""
        path = self.lab.directory / f"auth-{namespace}-{name}.json"
        path.write_text(self.registry.secret(name, namespace)[".dockerconfigjson"])
        return path

    def admin_credential(self, url: str = "") -> Path:
        """Writes an auth file with the admin's login, which can push, and returns its path.

        `url` is that of another proxy than the fixture's.
        """
        password = self.registry.secret(f"hreg-{self.registry.name}-admin-password")["password"]
        path = self.lab.directory / f"auth-admin-{self.registry.namespace}.json"
        host = (url or self.front.url).removeprefix("https://")
        login = base64.b64encode(f"admin:{password}".encode()).decode()
        path.write_text(json.dumps({"auths": {host: {"auth": login}}}))
        return path

    def _put_secrets(self) -> None:
        services, authority = self.lab.services, self.lab.authority
        postgres = services.postgres
        user = services.ceph.create_swift_user(self.container, "swift", SWIFT_KEY)
        certificate = authority.issue(f"harbor-{self.registry.namespace}", hosts=NAMES)
        secrets = {name: {"ca.crt": authority.ca_path.read_text()} for name in ("cr-ca", "pg-ca", "s3-ca")}
        secrets |= {
            "pg-admin": {"username": postgres.provisioner_user, "password": postgres.provisioner_password},
            "redis": {"password": services.redis.password or ""},
            "swift": {"username": user, "password": SWIFT_KEY},
            "cr-tls": {"tls.crt": certificate.cert_path.read_text(), "tls.key": certificate.key_path.read_text()},
        }
        self.registry.put_secrets(secrets)


def _front(lab: Lab, registry: Registry) -> Front | IngressFront:
    """Returns the TLS endpoint of Harbor: an ingress where pods run, else a proxy to local processes."""
    namespace, name = registry.namespace, registry.name
    if lab.kubelet is not None:
        return lab.kubelet.ingress(namespace)
    directory, kubeconfig = lab.directory / f"harbor-{namespace}", lab.control_plane.kubeconfig
    workloads = Workloads.start(directory, lab.processes, kubeconfig, namespace=namespace, release=name)
    site = Site(workloads.url, host_header="$http_host")
    return Front.start(lab.directory / f"harbor-front-{namespace}", lab.processes, lab.authority, site)


def allow_admission_policy(plane: ControlPlane, *registries: tuple[str, str]) -> None:
    """Applies the optional role for the policies of these registries (namespace, name), as its comment describes."""
    path = ROOT / "deploy" / "components" / "admission-policy" / "rbac.yaml"
    for manifest in yaml.safe_load_all(path.read_text()):
        for rule in manifest.get("rules", []):
            rule["resourceNames"] = [f"harbor-operator.{namespace}.{name}" for namespace, name in registries]
        plane.apply(manifest)


def allow_evictions(plane: ControlPlane) -> None:
    """Applies the optional role that lets the operator evict stuck pods."""
    plane.kubectl("apply", "--server-side", "-k", str(ROOT / "deploy" / "components" / "evict-stuck-pods"))


def forbid_evictions(plane: ControlPlane) -> None:
    """Deletes the optional role."""
    plane.kubectl("delete", "clusterrole,clusterrolebinding", "harbor-operator-evict-stuck-pods", "--ignore-not-found")


def install(lab: Lab) -> None:
    """Applies CRD, namespace and RBAC from `deploy/`; the operator runs as a process of the lab."""
    plane = lab.control_plane
    plane.kubectl("apply", "--server-side", "-f", str(ROOT / "crds" / "harborregistries.yaml"))
    served = "/apis/harbor-operator.io/v1alpha1/harborregistries"
    wait_until(lambda: plane.client.answers(served), "the API server serves the CRD", deadline=30)
    for name in ("namespace.yaml", "rbac.yaml"):
        plane.kubectl("apply", "--server-side", "-f", str(ROOT / "deploy" / "base" / name))
