"""What tells a Gateway to speak TLS to core and the portal: one BackendTLSPolicy for each, and the CA in a ConfigMap.

A controller must support a ConfigMap with the key `ca.crt`; other kinds are optional (BackendTLSPolicyValidation of the
Gateway API). The policy has one host name, which the Gateway sends as SNI and expects in the certificate.
"""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.kubernetes import Manifest
from harbor_operator.model.owned_objects import ObjectKind
from harbor_operator.plan import names
from harbor_operator.plan.gateway import uses_route
from harbor_operator.plan.generated_secrets import CA_KEY
from harbor_operator.plan.internal_tls import TlsComponent, is_enabled

_GROUP = "gateway.networking.k8s.io"
POLICIES = tuple(
    ObjectKind(f"{_GROUP}/{version}", "BackendTLSPolicy", "backendtlspolicies") for version in ("v1", "v1alpha3")
)
"""The policy in the versions that have these fields, preferred first: `v1` is in the Gateway API from 1.4 on."""

CONFIG_MAP = ObjectKind("v1", "ConfigMap", "configmaps")
BACKENDS = (TlsComponent.CORE, TlsComponent.PORTAL)
"""The processes that the rules of the route lead to."""


def needs_backend_tls(registry: HarborRegistry) -> bool:
    """Whether a Gateway has to speak TLS to the Services of the release, with the operator's certificates."""
    return uses_route(registry) and is_enabled(registry)


def plan_authority(registry: HarborRegistry, ca: str) -> Manifest:
    """Returns the ConfigMap with the CA that a Gateway trusts; it contains no secret."""
    return {"metadata": _metadata(registry, names.backend_tls_authority(registry)), "data": {CA_KEY: ca}}


def plan_policy(registry: HarborRegistry, component: TlsComponent, full_name: str) -> Manifest:
    """Returns the policy for the Service of a process, whose name begins with `full_name`."""
    service = f"{full_name}-{component}"
    authority = {"group": "", "kind": CONFIG_MAP.kind, "name": names.backend_tls_authority(registry)}
    return {
        "metadata": _metadata(registry, names.backend_tls_policy(registry, component)),
        "spec": {
            "targetRefs": [{"group": "", "kind": "Service", "name": service}],
            "validation": {
                "caCertificateRefs": [authority],
                "hostname": f"{service}.{registry.metadata.namespace}.svc",
            },
        },
    }


def refused_by(policy: Manifest) -> tuple[str, str] | None:
    """Returns the first condition of a controller that is False, as type and message; None if there is none.

    A condition about an earlier generation does not count: its controller has not seen the present policy.
    """
    generation = policy["metadata"].get("generation", 0)
    for ancestor in (policy.get("status") or {}).get("ancestors") or ():
        for condition in ancestor.get("conditions") or ():
            is_current = condition.get("observedGeneration", generation) >= generation
            if condition["status"] == "False" and is_current:
                return condition["type"], f"{condition.get('reason', '')}: {condition.get('message', '')}"
    return None


def _metadata(registry: HarborRegistry, name: str) -> Manifest:
    return {"name": name, "namespace": registry.metadata.namespace}
