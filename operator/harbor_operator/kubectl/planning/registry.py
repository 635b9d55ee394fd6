"""The HarborRegistry as it would be after `kubectl apply`, and how it differs from the one in the cluster."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from harbor_operator.api.v1alpha1 import HarborRegistry, HarborRegistrySpec, Metadata, PreviousStatus
from harbor_operator.kubectl.cluster import Cluster, Manifest
from harbor_operator.kubectl.doctor import CLUSTER_ID_PATH
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.plan import Action
from harbor_operator.kubectl.planning.recorder import Recorder
from harbor_operator.kubectl.registries import key_of, path_of
from harbor_operator.kubectl.rendered import read_registry

NEW_UID = "00000000-0000-0000-0000-000000000000"
"""In place of the uid that the API server gives a new HarborRegistry."""


def read_planned_registry(cluster: Cluster, filename: str, cluster_id: str, recorder: Recorder) -> HarborRegistry:
    """Returns the registry of the file with uid and status of the one in the cluster; records what differs."""
    cluster_id = cluster_id or cluster.get(CLUSTER_ID_PATH)["metadata"]["uid"]
    given = read_registry(filename, cluster.namespace, cluster_id)
    recorder.begin("HarborRegistry")
    live = find_live(cluster, given)
    subject = f"HarborRegistry '{given.key}'"
    if live is None:
        recorder.record(Action.CREATE, subject)
        return given.model_copy(update={"metadata": given.metadata.model_copy(update={"uid": NEW_UID})})
    if live["metadata"].get("deletionTimestamp"):
        raise CommandError(f"{subject} is being deleted: wait until it is gone")
    differing = list(_differing(given, live))
    recorder.record(Action.CHANGE if differing else Action.KEEP, subject, differing)
    return as_applied(given, live)


def as_applied(given: HarborRegistry, live: Manifest) -> HarborRegistry:
    """Returns the registry as `kubectl apply` would leave it, with uid and status of the one in the cluster."""
    metadata = Metadata.parse(live["metadata"], given.metadata.cluster)
    # Annotations that the file does not name stay.
    annotations = {**metadata.annotations, **given.metadata.annotations}
    metadata = metadata.model_copy(update={"annotations": annotations})
    return given.model_copy(update={"metadata": metadata, "observed": PreviousStatus.parse(live)})


def find_live(cluster: Cluster, given: HarborRegistry) -> Manifest | None:
    """Returns the registry of the same name in the cluster, or None, also without the CRD. Raises RequestError."""
    listed = cluster.find(path_of("")) or {"items": []}
    return next((item for item in listed["items"] if key_of(item) == given.key), None)


def _differing(given: HarborRegistry, live: Manifest) -> Iterator[str]:
    """Yields the sections of the spec that differ; their values can be long, and `kubectl diff` shows them."""
    try:
        current = HarborRegistrySpec.parse(live.get("spec") or {})
    except ValidationError:
        yield "`spec` in the cluster is invalid"
        return
    for name, field in HarborRegistrySpec.model_fields.items():
        if getattr(current, name) != getattr(given.spec, name):
            yield f"`spec.{field.alias or name}` differs"
