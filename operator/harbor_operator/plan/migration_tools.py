"""How each injector marks its Secrets, read in its source, and in which images it runs; pure.

A Secret without the tool's own mark belongs to another client, whatever its name is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from harbor_operator.model.migration import Marks, RunningWorkload, SecretMetadata, Tool
from harbor_operator.plan.names import MANAGED_BY

PATCHER = "imagepullsecret-patcher"
REGISTRY_CREDS_SUFFIX = "-registrycreds"
REGISTRY_CREDS_OWNER = "ClusterPullSecret"
REGISTRY_CREDS_GROUP = "ops.alexellis.io/"
CLUSTERSECRET_PREFIX = "clustersecret.io/"
CLUSTERSECRET_CREATED_BY = f"{CLUSTERSECRET_PREFIX}created-by"
REFLECTOR_PREFIX = "reflector.v1.k8s.emberstack.com/"
KYVERNO = "kyverno"
KYVERNO_PREFIX = "generate.kyverno.io/"
KYVERNO_POLICY = f"{KYVERNO_PREFIX}policy-name"
KYVERNO_POLICY_NAMESPACE = f"{KYVERNO_PREFIX}policy-namespace"

_REPOSITORIES: Mapping[Tool, tuple[str, ...]] = {
    Tool.TAMCORE: (PATCHER,),
    Tool.TITANSOFT: (PATCHER,),
    Tool.REGISTRY_CREDS: ("registry-creds",),
    Tool.CLUSTERSECRET: ("clustersecret",),
    Tool.REFLECTOR: ("kubernetes-reflector",),
    Tool.KYVERNO: ("background-controller", KYVERNO),
}
"""Last part of the repository of the tool's image."""


def find_marks(tool: Tool, secret: SecretMetadata) -> Marks | None:
    """Returns the marks that prove that the tool created the Secret; None if they are not there."""
    return _FINDERS[tool](secret)


def find_running(tool: Tool, workloads: Iterable[RunningWorkload]) -> tuple[str, ...]:
    """Returns the 'namespace/name' of each Deployment that runs the tool."""
    return tuple(
        f"{workload.namespace}/{workload.name}"
        for workload in workloads
        if any(_repository(image) in _REPOSITORIES[tool] for image in workload.images)
    )


def _tamcore(secret: SecretMetadata) -> Marks | None:
    """Annotation and label; versions before the label wrote the annotation only.

    tamcore/imagepullsecret-patcher internal/utils/utils.go, ConstructImagePullSecret and IsManagedSecret.
    """
    return _patcher(secret) if secret.annotations.get(MANAGED_BY) == PATCHER else None


def _titansoft(secret: SecretMetadata) -> Marks | None:
    """The same annotation and never the label, which only the successor writes.

    titansoft-pte-ltd/imagepullsecret-patcher secret.go, dockerconfigSecret and isManagedSecret.
    """
    return None if secret.labels.get(MANAGED_BY) == PATCHER else _tamcore(secret)


def _patcher(secret: SecretMetadata) -> Marks:
    labels = (MANAGED_BY,) if secret.labels.get(MANAGED_BY) == PATCHER else ()
    return Marks(labels, (MANAGED_BY,))


def _registry_creds(secret: SecretMetadata) -> Marks | None:
    """The Secret is called after its controller, a ClusterPullSecret.

    alexellis/registry-creds controllers/secret_reconciler.go, createSecret.
    """
    owners = tuple(
        str(owner.get("uid", ""))
        for owner in secret.owners
        if owner.get("kind") == REGISTRY_CREDS_OWNER
        and str(owner.get("apiVersion", "")).startswith(REGISTRY_CREDS_GROUP)
        and secret.name == f"{owner.get('name')}{REGISTRY_CREDS_SUFFIX}"
    )
    return Marks(owners=owners) if owners else None


def _clustersecret(secret: SecretMetadata) -> Marks | None:
    """zakkg3/ClusterSecret src/consts.py and src/kubernetes_utils.py, create_secret_metadata."""
    if not secret.annotations.get(CLUSTERSECRET_CREATED_BY):
        return None
    return Marks(annotations=tuple(_with_prefix(secret.annotations, CLUSTERSECRET_PREFIX)))


def _reflector(secret: SecretMetadata) -> Marks | None:
    """Only automatic reflections: the tool created those, and a user created the other ones.

    emberstack/kubernetes-reflector Core/Mirroring/ResourceMirror.cs, ResourceReflect, and Constants/Annotations.cs.
    """
    given = secret.annotations
    is_automatic = given.get(f"{REFLECTOR_PREFIX}auto-reflects", "").lower() == "true"
    if not is_automatic or not given.get(f"{REFLECTOR_PREFIX}reflects"):
        return None
    return Marks(annotations=tuple(_with_prefix(given, REFLECTOR_PREFIX)))


def _kyverno(secret: SecretMetadata) -> Marks | None:
    """The labels of a generated object, of Kyverno 1.10 or later; the source of a clone has no policy name.

    kyverno/kyverno pkg/background/common/constants.go and labels.go, and pkg/background/generate/clone.go.
    """
    policy = secret.labels.get(KYVERNO_POLICY)
    if not policy or secret.labels.get(MANAGED_BY) != KYVERNO:
        return None
    namespace = secret.labels.get(KYVERNO_POLICY_NAMESPACE)
    return Marks(
        (MANAGED_BY, *_with_prefix(secret.labels, KYVERNO_PREFIX)),
        tuple(_with_prefix(secret.annotations, KYVERNO_PREFIX)),
        policy=f"{namespace}/{policy}" if namespace else policy,
    )


_FINDERS: Mapping[Tool, Callable[[SecretMetadata], Marks | None]] = {
    Tool.TAMCORE: _tamcore,
    Tool.TITANSOFT: _titansoft,
    Tool.REGISTRY_CREDS: _registry_creds,
    Tool.CLUSTERSECRET: _clustersecret,
    Tool.REFLECTOR: _reflector,
    Tool.KYVERNO: _kyverno,
}


def _with_prefix(keys: Iterable[str], prefix: str) -> Iterator[str]:
    return (key for key in sorted(keys) if key.startswith(prefix))


def _repository(image: str) -> str:
    """Returns the last part of the repository, without tag and digest."""
    return image.split("@", 1)[0].rsplit("/", 1)[-1].split(":", 1)[0].lower()
