"""Objects that belong to an owner by their labels: how they are read, recognized, and removed as they were read."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.adapters.kube_api import ApiError, ApiRequest, NotFound, RequestBody, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.model.kubernetes import Manifest
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason


async def find(client: KubernetesClient, ref: ResourceRef) -> Manifest | None:
    """Returns the object, or None if it does not exist; raises as `expect` does."""
    answer = await client.send_plain(ApiRequest("get", ref))
    return None if isinstance(answer, NotFound) else expect(answer)


def expect(answer: Manifest | ApiError) -> Manifest:
    """Returns an answer that is no error; raises Unavailable with the message of the API server for one that is."""
    if isinstance(answer, ApiError):
        raise Unavailable(answer.message)
    return answer


def has_labels(manifest: Manifest, owner: Mapping[str, str]) -> bool:
    """Whether the object has all labels of its owner."""
    return owner.items() <= (manifest["metadata"].get("labels") or {}).items()


def foreign_object(kind: str, namespace: str, name: str, owner: Mapping[str, str]) -> Refused:
    """Returns the error for an object that exists and lacks the labels of its owner."""
    return Refused(
        Reason.SECRET_INVALID,
        f"{kind} '{namespace}/{name}' exists but was not created for this registry: give it the labels "
        f"{', '.join(f'{key}={value}' for key, value in owner.items())} if the operator may use it, or delete "
        "it if nothing uses it",
    )


def removal(ref: ResourceRef, found: Manifest) -> ApiRequest:
    """Returns the request that deletes the object if no client has changed it since it was read.

    The labels prove the owner when it is read; the version makes sure that they are still there.
    """
    proof = {key: found["metadata"][key] for key in ("uid", "resourceVersion")}
    return ApiRequest("delete", ref, body=RequestBody.plain({"preconditions": proof}))
