"""What we may ask of the API server about its own admission: two kinds of objects, one of each per registry."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.admission import AdmissionKind, DesiredPolicy, ObservedPolicy


class AdmissionPolicyApi(Protocol):
    """MutatingAdmissionPolicies and their bindings; every call has a deadline.

    Raises Unavailable when the server does not answer or the object has moved on, Refused(ADMISSION_POLICY_UNSUPPORTED)
    where the cluster does not serve them, Refused(RIGHTS_MISSING) where it does and we may not, and
    Refused(ADMISSION_POLICY_REFUSED) when it does not take what we wish.
    """

    async def read(self, kind: AdmissionKind, name: str) -> ObservedPolicy | None:
        """Returns the object, or None if there is none."""
        ...

    async def create(self, desired: DesiredPolicy) -> None:
        """Makes the object; never overwrites one that has come to its name."""
        ...

    async def correct(self, desired: DesiredPolicy, observed: ObservedPolicy) -> None:
        """Makes the spec of the object that was seen exactly as wished, if it is still at that revision."""
        ...

    async def remove(self, desired: DesiredPolicy, observed: ObservedPolicy) -> None:
        """Deletes the object that was seen, if it is still at that revision; a missing one is a success."""
        ...
