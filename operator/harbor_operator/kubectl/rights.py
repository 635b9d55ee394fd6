"""Rules of RBAC that a verb needs, and where."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from harbor_operator.api.kind import GROUP, PLURAL


class Scope(StrEnum):
    """Where a right is needed."""

    CLUSTER = "the cluster"
    REGISTRY = "the namespace of the HarborRegistry"
    OPERATOR = "the namespace of the operator"
    POD = "the namespace of the pod"
    VERIFIED = "the namespace that is verified"


class Right(NamedTuple):
    """A rule of RBAC; without names it covers all objects of the resource."""

    scope: Scope
    group: str
    resource: str
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()


READ_REGISTRIES = Right(Scope.REGISTRY, GROUP, PLURAL, ("list",))
CHANGE_REGISTRY = Right(Scope.REGISTRY, GROUP, PLURAL, ("list", "patch"))
WATCH_REGISTRY = Right(Scope.REGISTRY, GROUP, PLURAL, ("get", "watch"))

VERSIONS = (
    Right(Scope.CLUSTER, "apiextensions.k8s.io", "customresourcedefinitions", ("get",), (f"{PLURAL}.{GROUP}",)),
    Right(Scope.OPERATOR, "apps", "deployments", ("list",)),
)
READ_PODS = Right(Scope.REGISTRY, "", "pods", ("list",))
READ_LOGS = Right(Scope.REGISTRY, "", "pods/log", ("get",))

DOCTOR = (
    Right(Scope.REGISTRY, "", "secrets", ("get", "list")),
    Right(Scope.REGISTRY, "", "configmaps", ("get",)),
    Right(Scope.REGISTRY, "", "serviceaccounts", ("get",)),
    Right(Scope.REGISTRY, "apps", "deployments", ("list",)),
    Right(Scope.REGISTRY, "apps", "statefulsets", ("list",)),
    Right(Scope.REGISTRY, "authorization.k8s.io", "localsubjectaccessreviews", ("create",)),
    Right(Scope.CLUSTER, "", "namespaces", ("get",), ("kube-system",)),
    Right(Scope.CLUSTER, GROUP, PLURAL, ("list",)),
)
DOCTOR_IN_CLUSTER = (
    Right(Scope.OPERATOR, "apps", "deployments", ("list",)),
    Right(Scope.OPERATOR, "batch", "jobs", ("create", "delete")),
    Right(Scope.OPERATOR, "", "secrets", ("create",)),
    Right(Scope.OPERATOR, "", "pods", ("list", "watch")),
    Right(Scope.OPERATOR, "", "pods/log", ("get",)),
    Right(Scope.OPERATOR, "", "events", ("list",)),
)
PLAN = (
    Right(Scope.REGISTRY, "", "secrets", ("get", "list")),
    Right(Scope.REGISTRY, "", "configmaps", ("get",)),
    Right(Scope.REGISTRY, "apps", "deployments", ("list",)),
    Right(Scope.REGISTRY, "apps", "statefulsets", ("list",)),
    Right(Scope.CLUSTER, GROUP, PLURAL, ("list",)),
    Right(Scope.CLUSTER, "", "namespaces", ("get",), ("kube-system",)),
    Right(Scope.CLUSTER, "", "namespaces", ("list",)),
    Right(Scope.CLUSTER, "", "secrets", ("list",), ("harbor-pull",)),
    Right(Scope.CLUSTER, "", "serviceaccounts", ("list",)),
    *(
        Right(Scope.CLUSTER, "admissionregistration.k8s.io", plural, ("get",), ("harbor-operator.intra.cr",))
        for plural in ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings")
    ),
)
"""What a plan observes."""
