"""The release step with what surrounds it: certificates before it, the comparison of its objects and policies after."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.owned_objects import OwnedObjects
from harbor_operator.ports.release_objects import ReleaseObjects
from harbor_operator.steps import Step
from harbor_operator.steps.backend_tls import BackendTlsReleaseStep
from harbor_operator.steps.issued_certificates import IssuedCertificatesReleaseStep
from harbor_operator.steps.release_drift import DriftCheckedReleaseStep


def checked_release(
    release: Step, kube: NamespaceResources, live: ReleaseObjects, owned: OwnedObjects, clock: Callable[[], datetime]
) -> Step:
    """Returns the step of `ReleaseReady`: `live` are the objects of the release, `owned` those beside it."""
    issued = IssuedCertificatesReleaseStep(release, kube, owned)
    return BackendTlsReleaseStep(DriftCheckedReleaseStep(issued, kube, live, clock), kube, owned)
