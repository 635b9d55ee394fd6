"""The Admission port over the thin client; written so that RBAC can name the objects, the first write included."""

from __future__ import annotations

import json

from harbor_operator.adapters.kube_api import ApiError, Invalid, Manifest, NotFound, Params, RequestBody, apply_params
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.checks.admission import rights_missing, unsupported
from harbor_operator.model.admission import AdmissionKind, DesiredPolicy, ObservedPolicy
from harbor_operator.plan.names import FIELD_MANAGER
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

VERSION = "admissionregistration.k8s.io/v1"
_GROUP = f"/apis/{VERSION}"
_PLURALS = {
    AdmissionKind.POLICY: "mutatingadmissionpolicies",
    AdmissionKind.BINDING: "mutatingadmissionpolicybindings",
}


class KubernetesAdmissionPolicyApi:
    """Reads and writes admission policies; see ports/admission.py for what each call promises."""

    def __init__(self, http: KubernetesClient) -> None:
        self._http = http

    async def read(self, kind: AdmissionKind, name: str) -> ObservedPolicy | None:
        """Returns the object, or None if there is none."""
        answer = await self._ask("GET", kind, name)
        if isinstance(answer, NotFound):
            return None
        found = _expect(answer, kind, name)
        metadata = found["metadata"]
        return ObservedPolicy(
            metadata["uid"], metadata["resourceVersion"], metadata.get("labels") or {}, found.get("spec") or {}
        )

    async def create(self, desired: DesiredPolicy) -> None:
        """Makes the object; never overwrites one that has come to its name."""
        metadata = {"name": desired.name, "labels": dict(desired.labels), "annotations": dict(desired.annotations)}
        manifest = {"apiVersion": VERSION, "kind": desired.kind, "metadata": metadata, "spec": desired.spec}
        # An apply, and not a POST, which RBAC cannot tie to a name; without force it gives way to everybody.
        params = apply_params(FIELD_MANAGER, force=False)
        answer = await self._ask("PATCH", desired.kind, desired.name, RequestBody.apply(manifest), params)
        if isinstance(answer, NotFound):
            raise Refused(Reason.ADMISSION_POLICY_UNSUPPORTED, unsupported())
        _expect(answer, desired.kind, desired.name)

    async def correct(self, desired: DesiredPolicy, observed: ObservedPolicy) -> None:
        """Makes the spec of the object that was seen exactly as wished, if it is still at that revision."""
        # An apply or a merge patch would leave in place what somebody else has added.
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": observed.revision},
            {"op": "replace", "path": "/spec", "value": desired.spec},
        ]
        body = RequestBody(json.dumps(patch).encode(), "application/json-patch+json")
        answer = await self._ask("PATCH", desired.kind, desired.name, body, {"fieldManager": FIELD_MANAGER})
        _expect(answer, desired.kind, desired.name)

    async def remove(self, desired: DesiredPolicy, observed: ObservedPolicy) -> None:
        """Deletes the object that was seen, if it is still at that revision; a missing one is a success."""
        body = RequestBody.plain({"preconditions": {"uid": observed.uid, "resourceVersion": observed.revision}})
        answer = await self._ask("DELETE", desired.kind, desired.name, body)
        if not isinstance(answer, NotFound):
            _expect(answer, desired.kind, desired.name)

    async def _ask(
        self, method: str, kind: AdmissionKind, name: str, body: RequestBody | None = None, params: Params | None = None
    ) -> Manifest | ApiError:
        try:
            return await self._http.request(method, f"{_GROUP}/{_PLURALS[kind]}/{name}", params=params, body=body)
        except Refused as refused:
            if refused.reason is not Reason.RIGHTS_MISSING:
                raise
            # The server asks for rights before it notices that there is nothing to have rights to.
            if not await self._is_served(kind):
                raise Refused(Reason.ADMISSION_POLICY_UNSUPPORTED, unsupported()) from refused
            raise Refused(Reason.RIGHTS_MISSING, rights_missing(name, str(refused))) from refused

    async def _is_served(self, kind: AdmissionKind) -> bool:
        answer = await self._http.request("GET", _GROUP)
        resources = [] if isinstance(answer, ApiError) else answer.get("resources") or []
        return any(resource.get("name") == _PLURALS[kind] for resource in resources)


def _expect(answer: Manifest | ApiError, kind: AdmissionKind, name: str) -> Manifest:
    match answer:
        case Invalid():
            raise Refused(
                Reason.ADMISSION_POLICY_REFUSED, f"the API server does not take {kind} '{name}': {answer.message}"
            )
        case ApiError():
            raise Unavailable(f"{kind} '{name}' changed while it was being written; it is read again")
        case _:
            return answer
