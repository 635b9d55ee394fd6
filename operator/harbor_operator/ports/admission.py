"""MutatingAdmissionPolicies of the API server: one policy and one binding per registry."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.admission import AdmissionKind, DesiredPolicy, ObservedPolicy


class AdmissionPolicyApi(Protocol):
    """Policies and their bindings, which are cluster-scoped.

    Every call has a deadline. Raises Unavailable when the server does not answer or the object has changed since it
    was read, Refused(ADMISSION_POLICY_UNSUPPORTED) where the cluster does not serve such policies,
    Refused(RIGHTS_MISSING) on 403, and Refused(ADMISSION_POLICY_REFUSED) when the server rejects the object.
    """

    async def read(self, kind: AdmissionKind, name: str) -> ObservedPolicy | None:
        """Returns the object, or None if there is none."""
        ...

    async def create(self, desired: DesiredPolicy) -> None:
        """Creates the object; Unavailable, and nothing written, if another client has created one of that name."""
        ...

    async def correct(self, desired: DesiredPolicy, observed: ObservedPolicy) -> None:
        """Replaces the spec of the observed object, if it is still at that revision; fields added to it are removed."""
        ...

    async def remove(self, desired: DesiredPolicy, observed: ObservedPolicy) -> None:
        """Deletes the observed object, if it is still at that revision; a missing one is a success."""
        ...
