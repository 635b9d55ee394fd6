"""PodEvictionApi on the Kubernetes API: one watch of pods that have not started, and the Eviction API."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace

from typing_extensions import override

from harbor_operator.adapters.event_recorder import EventRecorder
from harbor_operator.adapters.kube_api import (
    ApiError,
    ApiRequest,
    Conflict,
    DisruptionBudgetExceeded,
    NotFound,
    RequestBody,
    ResourceRef,
)
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_objects import PODS, Container, ContainerStatus, Pod, PodMetadata, PodSpec, PodStatus
from harbor_operator.adapters.reflector import Reflector, WatchedResource, WatchOptions
from harbor_operator.model.pods import MAX_POD_CHARACTERS, EvictionResult, ObservedPod, Owner, PodEvent
from harbor_operator.ports import Refused
from harbor_operator.ports.pod_eviction import PodEvictionApi
from harbor_operator.reasons import Reason

NOT_STARTED = "status.phase=Pending"
"""A pod that waits for an image is Pending until each of its containers has started once."""
PULL_FAILED = frozenset({"ErrImagePull", "ImagePullBackOff"})
"""The kubelet alternates between these reasons while it cannot pull an image."""


class KubernetesPodEvictionApi(PodEvictionApi):
    """Watches and evicts the pods of one cluster."""

    def __init__(self, http: KubernetesClient, options: WatchOptions, recorder: EventRecorder) -> None:
        self._http = http
        self._options = options
        self._recorder = recorder

    @override
    def watch(self) -> AsyncGenerator[PodEvent, None]:
        resource = WatchedResource(ResourceRef("v1", "pods"), PODS, NOT_STARTED)
        return Reflector(self._http, resource, read_pod, self._options).events()

    @override
    async def evict(self, pod: ObservedPod) -> EvictionResult:
        # With its revision as a precondition, a pod that has pulled its image or changed otherwise is not evicted.
        preconditions = {"uid": pod.uid, "resourceVersion": str(pod.revision)}
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
            "deleteOptions": {"preconditions": preconditions},
        }
        ref = ResourceRef("v1", "pods", pod.namespace, pod.name, "eviction")
        answer = await self._http.send_plain(ApiRequest("create", ref, body=RequestBody.plain(eviction)))
        match answer:
            case NotFound() | Conflict():
                return EvictionResult.STALE
            case DisruptionBudgetExceeded():
                return EvictionResult.BLOCKED
            case ApiError():
                message = f"pod '{pod.namespace}/{pod.name}' is not evicted: {answer.code} {answer.message}"
                raise Refused(Reason.INTERNAL_ERROR, message)
            case _:
                return EvictionResult.DONE

    @override
    async def post_event(self, pod: ObservedPod, kind: str, reason: str, message: str) -> None:
        involved = {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "namespace": pod.namespace, "uid": pod.uid}
        await self._recorder.post(involved, kind, reason, message)


def read_pod(pod: Pod) -> ObservedPod:
    """Returns what a decision about a pod needs; without images, references and owner if they are oversized."""
    metadata, spec = pod.metadata, pod.spec or PodSpec()
    observed = ObservedPod(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        revision=int(metadata.resource_version),
        account=spec.service_account_name,
        references=tuple(reference.name for reference in spec.image_pull_secrets or () if reference.name),
        images=_images(spec),
        refused=tuple(sorted(_refused(pod, spec))),
        owner=_controller(metadata),
        terminating=bool(metadata.deletion_timestamp),
    )
    owner = observed.owner or Owner("", "", "")
    kept = (*observed.references, *observed.images, owner.kind, owner.name, owner.uid)
    if sum(map(len, kept)) + len(kept) <= MAX_POD_CHARACTERS:
        return observed
    return replace(observed, references=(), images=(), refused=(), owner=None)


def _containers(spec: PodSpec) -> tuple[Container, ...]:
    return (*(spec.init_containers or ()), *(spec.containers or ()))


def _volume_images(spec: PodSpec) -> dict[str, str]:
    """Returns the image references of the volumes, by the name of the volume."""
    return {volume.name: volume.image.reference for volume in spec.volumes or () if volume.image is not None}


def _images(spec: PodSpec) -> tuple[str, ...]:
    # Two containers with the same image are one entry.
    images = [container.image for container in _containers(spec)]
    return tuple(dict.fromkeys([*images, *_volume_images(spec).values()]))


def _refused(pod: Pod, spec: PodSpec) -> set[str]:
    """Returns the images that the node failed to pull.

    The kubelet reports an image volume that it cannot pull at the containers that mount the volume. Its message names
    the image; if it does not, any image of the container may be the cause.
    """
    containers, volumes = {container.name: container for container in _containers(spec)}, _volume_images(spec)
    refused: set[str] = set()
    for status in _statuses(pod):
        waiting = status.state.waiting if status.state else None
        container = containers.get(status.name)
        if waiting is None or container is None or waiting.reason not in PULL_FAILED:
            continue
        mounted = [volumes[mount.name] for mount in container.volume_mounts or () if mount.name in volumes]
        images = [container.image, *mounted]
        refused.update([image for image in images if f'"{image}"' in waiting.message] or images)
    return refused


def _statuses(pod: Pod) -> tuple[ContainerStatus, ...]:
    status = pod.status if isinstance(pod.status, PodStatus) else PodStatus()
    return (*(status.init_container_statuses or ()), *(status.container_statuses or ()))


def _controller(metadata: PodMetadata) -> Owner | None:
    owners = (owner for owner in metadata.owner_references or () if owner.controller)
    return next((Owner(owner.kind, owner.name, owner.uid) for owner in owners), None)
