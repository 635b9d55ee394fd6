"""PodEvictionApi on the Kubernetes API: one watch of pods that have not started, and the Eviction API."""

from __future__ import annotations

from collections.abc import AsyncGenerator

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
from harbor_operator.adapters.kube_objects import PODS, ContainerStatus, Pod, PodMetadata, PodSpec, PodStatus
from harbor_operator.adapters.reflector import Reflector, WatchedResource, WatchOptions
from harbor_operator.model.pods import EvictionResult, ObservedPod, Owner, PodEvent
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
    """Returns what a decision about a pod needs."""
    metadata, spec = pod.metadata, pod.spec or PodSpec()
    images = {one.name: one.image for one in (*(spec.init_containers or ()), *(spec.containers or ()))}
    refused = {images.get(one.name, "") for one in _statuses(pod) if _reason(one) in PULL_FAILED}
    return ObservedPod(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        revision=int(metadata.resource_version),
        account=spec.service_account_name,
        references=tuple(reference.name for reference in spec.image_pull_secrets or () if reference.name),
        images=tuple(images.values()),
        refused=tuple(sorted(refused)),
        owner=_controller(metadata),
        terminating=bool(metadata.deletion_timestamp),
    )


def _statuses(pod: Pod) -> tuple[ContainerStatus, ...]:
    status = pod.status if isinstance(pod.status, PodStatus) else PodStatus()
    return (*(status.init_container_statuses or ()), *(status.container_statuses or ()))


def _reason(status: ContainerStatus) -> str:
    return status.state.waiting.reason if status.state and status.state.waiting else ""


def _controller(metadata: PodMetadata) -> Owner | None:
    owners = (owner for owner in metadata.owner_references or () if owner.controller)
    return next((Owner(owner.kind, owner.name, owner.uid) for owner in owners), None)
