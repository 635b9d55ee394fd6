"""The Admission port over the thin client; written so that RBAC can name the objects, the first write included."""

from __future__ import annotations

import json

from harbor_operator.adapters.kube_calls import (
    Body,
    Denial,
    Invalid,
    Manifest,
    NotFound,
    Params,
    apply_params,
)
from harbor_operator.adapters.kube_http import KubeHttp
from harbor_operator.diagnosis.admission import rights_missing, unsupported
from harbor_operator.plan.admission import AdmissionKind, AdmissionSeen, AdmissionWish
from harbor_operator.plan.names import FIELD_MANAGER
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

VERSION = "admissionregistration.k8s.io/v1"
_GROUP = f"/apis/{VERSION}"
_PLURALS = {
    AdmissionKind.POLICY: "mutatingadmissionpolicies",
    AdmissionKind.BINDING: "mutatingadmissionpolicybindings",
}


class AdmissionAdapter:
    """Reads and writes admission policies; see ports/admission.py for what each call promises."""

    def __init__(self, http: KubeHttp) -> None:
        self._http = http

    async def read(self, kind: AdmissionKind, name: str) -> AdmissionSeen | None:
        """Returns the object, or None if there is none."""
        answer = await self._ask("GET", kind, name)
        if isinstance(answer, NotFound):
            return None
        found = _expect(answer, kind, name)
        metadata = found["metadata"]
        return AdmissionSeen(
            metadata["uid"], metadata["resourceVersion"], metadata.get("labels") or {}, found.get("spec") or {}
        )

    async def create(self, wish: AdmissionWish) -> None:
        """Makes the object; never overwrites one that has come to its name."""
        metadata = {"name": wish.name, "labels": dict(wish.labels), "annotations": dict(wish.annotations)}
        manifest = {"apiVersion": VERSION, "kind": wish.kind, "metadata": metadata, "spec": wish.spec}
        # An apply, and not a POST, which RBAC cannot tie to a name; without force it gives way to everybody.
        params = apply_params(FIELD_MANAGER, force=False)
        answer = await self._ask("PATCH", wish.kind, wish.name, Body.apply(manifest), params)
        if isinstance(answer, NotFound):
            raise Refused(Reason.ADMISSION_POLICY_UNSUPPORTED, unsupported())
        _expect(answer, wish.kind, wish.name)

    async def correct(self, wish: AdmissionWish, seen: AdmissionSeen) -> None:
        """Makes the spec of the object that was seen exactly as wished, if it is still at that revision."""
        # An apply or a merge patch would leave in place what somebody else has added.
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": seen.revision},
            {"op": "replace", "path": "/spec", "value": wish.spec},
        ]
        body = Body(json.dumps(patch).encode(), "application/json-patch+json")
        answer = await self._ask("PATCH", wish.kind, wish.name, body, {"fieldManager": FIELD_MANAGER})
        _expect(answer, wish.kind, wish.name)

    async def remove(self, wish: AdmissionWish, seen: AdmissionSeen) -> None:
        """Deletes the object that was seen, if it is still at that revision; a missing one is a success."""
        body = Body.plain({"preconditions": {"uid": seen.uid, "resourceVersion": seen.revision}})
        answer = await self._ask("DELETE", wish.kind, wish.name, body)
        if not isinstance(answer, NotFound):
            _expect(answer, wish.kind, wish.name)

    async def _ask(
        self, method: str, kind: AdmissionKind, name: str, body: Body | None = None, params: Params | None = None
    ) -> Manifest | Denial:
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
        resources = [] if isinstance(answer, Denial) else answer.get("resources") or []
        return any(resource.get("name") == _PLURALS[kind] for resource in resources)


def _expect(answer: Manifest | Denial, kind: AdmissionKind, name: str) -> Manifest:
    match answer:
        case Invalid():
            raise Refused(
                Reason.ADMISSION_POLICY_REFUSED, f"the API server does not take {kind} '{name}': {answer.message}"
            )
        case Denial():
            raise Unavailable(f"{kind} '{name}' changed while it was being written; it is read again")
        case _:
            return answer
