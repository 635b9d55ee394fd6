"""Admission policies through the Kubernetes API; each write names its object, so that RBAC can limit the names."""

from __future__ import annotations

import json

from typing_extensions import override

from harbor_operator.adapters.kube_api import (
    ApiError,
    ApiRequest,
    Invalid,
    Manifest,
    NotFound,
    Params,
    RequestBody,
    ResourceRef,
    apply_params,
)
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.checks.admission import rights_missing, unsupported
from harbor_operator.model.admission import AdmissionKind, DesiredPolicy, ObservedPolicy
from harbor_operator.plan.names import FIELD_MANAGER
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.admission import AdmissionPolicyApi
from harbor_operator.reasons import Reason

VERSION = "admissionregistration.k8s.io/v1"
PLURALS = {
    AdmissionKind.POLICY: "mutatingadmissionpolicies",
    AdmissionKind.BINDING: "mutatingadmissionpolicybindings",
}


class KubernetesAdmissionPolicyApi(AdmissionPolicyApi):
    """Reads and writes MutatingAdmissionPolicies and their bindings."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    @override
    async def read(self, kind: AdmissionKind, name: str) -> ObservedPolicy | None:
        answer = await self._send("get", kind, name)
        if isinstance(answer, NotFound):
            return None
        return read_policy(_expect(answer, kind, name))

    @override
    async def create(self, desired: DesiredPolicy) -> None:
        metadata = {"name": desired.name, "labels": dict(desired.labels), "annotations": dict(desired.annotations)}
        manifest = {"apiVersion": VERSION, "kind": desired.kind, "metadata": metadata, "spec": desired.spec}
        # An apply instead of a POST, which RBAC cannot limit to a name; without force it overwrites no other client.
        params = apply_params(FIELD_MANAGER, force=False)
        answer = await self._send("patch", desired.kind, desired.name, RequestBody.apply(manifest), params)
        if isinstance(answer, NotFound):
            raise Refused(Reason.ADMISSION_POLICY_UNSUPPORTED, unsupported())
        _expect(answer, desired.kind, desired.name)

    @override
    async def correct(self, desired: DesiredPolicy, observed: ObservedPolicy) -> None:
        # An apply or a merge patch would keep the fields that another client has added.
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": observed.revision},
            {"op": "replace", "path": "/spec", "value": desired.spec},
        ]
        body = RequestBody(json.dumps(patch).encode(), "application/json-patch+json")
        answer = await self._send("patch", desired.kind, desired.name, body, {"fieldManager": FIELD_MANAGER})
        _expect(answer, desired.kind, desired.name)

    @override
    async def remove(self, desired: DesiredPolicy, observed: ObservedPolicy) -> None:
        body = RequestBody.plain({"preconditions": {"uid": observed.uid, "resourceVersion": observed.revision}})
        answer = await self._send("delete", desired.kind, desired.name, body)
        if not isinstance(answer, NotFound):
            _expect(answer, desired.kind, desired.name)

    async def _send(
        self,
        verb: str,
        kind: AdmissionKind,
        name: str,
        body: RequestBody | None = None,
        params: Params | None = None,
    ) -> Manifest | ApiError:
        try:
            ref = ResourceRef(VERSION, PLURALS[kind], name=name)
            return await self._client.send_plain(ApiRequest(verb, ref, params or {}, body))
        except Refused as refused:
            if refused.reason is not Reason.RIGHTS_MISSING:
                raise
            # The server checks rights before it notices that it does not serve the resource.
            if not await self._is_served(kind):
                raise Refused(Reason.ADMISSION_POLICY_UNSUPPORTED, unsupported()) from refused
            raise Refused(Reason.RIGHTS_MISSING, rights_missing(name, str(refused))) from refused

    async def _is_served(self, kind: AdmissionKind) -> bool:
        discovery = ResourceRef(VERSION, resource="")
        answer = await self._client.send_plain(ApiRequest("get", discovery))
        resources = [] if isinstance(answer, ApiError) else answer.get("resources") or []
        return any(resource.get("name") == PLURALS[kind] for resource in resources)


def _expect(answer: Manifest | ApiError, kind: AdmissionKind, name: str) -> Manifest:
    match answer:
        case Invalid():
            text = f"the API server rejects {kind} '{name}': {answer.message}"
            raise Refused(Reason.ADMISSION_POLICY_REFUSED, text)
        case ApiError():
            raise Unavailable(f"{kind} '{name}' changed while it was being written; it is read again")
        case _:
            return answer


def read_policy(found: Manifest) -> ObservedPolicy:
    """Returns what the operator compares of a policy or a binding."""
    metadata = found["metadata"]
    return ObservedPolicy(
        metadata["uid"], metadata["resourceVersion"], metadata.get("labels") or {}, found.get("spec") or {}
    )
