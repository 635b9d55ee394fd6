"""The port AdmissionPolicyApi in memory: policies and bindings, and the errors of an API server."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.admission import AdmissionKind, DesiredPolicy, ObservedPolicy
from harbor_operator.plan.admission import plan_admission
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.admission import AdmissionPolicyApi
from harbor_operator.reasons import Reason


class FakeAdmission(AdmissionPolicyApi):
    """`objects` are stored; a test sets `served`, `forbidden`, `down`, or `lost`: a write is done but not answered."""

    def __init__(self) -> None:
        self.objects: dict[tuple[AdmissionKind, str], ObservedPolicy] = {}
        self.served = True
        self.forbidden = False
        self.down = False
        self.lost = False
        self.asked = 0
        self.writes: list[str] = []
        self._revision = 0

    # What a test prepares

    def put(self, desired: DesiredPolicy) -> ObservedPolicy:
        """Stores an object as another client would, in place of a present one."""
        self._revision += 1
        observed = ObservedPolicy(
            f"uid-{self._revision}", str(self._revision), dict(desired.labels), dict(desired.spec)
        )
        self.objects[desired.kind, desired.name] = observed
        return observed

    # The port

    @override
    async def read(self, kind: AdmissionKind, name: str) -> ObservedPolicy | None:
        self._answer()
        return self.objects.get((kind, name))

    @override
    async def create(self, desired: DesiredPolicy) -> None:
        self._answer()
        if not self.served:
            raise Refused(Reason.ADMISSION_POLICY_UNSUPPORTED, "not served")
        self._check(desired)
        if (desired.kind, desired.name) in self.objects:
            raise Unavailable(f"{desired.kind} '{desired.name}' was created by another client")
        self.put(desired)
        self._record(f"create {desired.kind}")

    @override
    async def correct(self, desired: DesiredPolicy, observed: ObservedPolicy) -> None:
        self._answer()
        self._check(desired)
        self._lock(desired, observed)
        before = self.objects[desired.kind, desired.name]
        if before.spec != desired.spec:
            self._revision += 1
            self.objects[desired.kind, desired.name] = ObservedPolicy(
                before.uid, str(self._revision), before.labels, dict(desired.spec)
            )
        self._record(f"correct {desired.kind}")

    @override
    async def remove(self, desired: DesiredPolicy, observed: ObservedPolicy) -> None:
        self._answer()
        if (desired.kind, desired.name) not in self.objects:
            return
        self._lock(desired, observed)
        del self.objects[desired.kind, desired.name]
        self._record(f"remove {desired.kind}")

    def _answer(self) -> None:
        self.asked += 1
        if self.down:
            raise Unavailable("the API server does not answer")
        if self.forbidden:
            reason = Reason.RIGHTS_MISSING if self.served else Reason.ADMISSION_POLICY_UNSUPPORTED
            raise Refused(reason, "not allowed")

    def _lock(self, desired: DesiredPolicy, observed: ObservedPolicy) -> None:
        if self.objects[desired.kind, desired.name].revision != observed.revision:
            raise Unavailable(f"{desired.kind} '{desired.name}' has changed")

    def _check(self, desired: DesiredPolicy) -> None:
        selector = desired.spec.get("matchConstraints", {}).get("namespaceSelector", {})
        if any(" " in key for key in selector.get("matchLabels", {})):
            raise Refused(Reason.ADMISSION_POLICY_REFUSED, "a label key contains no space")

    def _record(self, write: str) -> None:
        self.writes.append(write)
        if self.lost:
            raise Unavailable("the answer did not come")


def asking(name: str = "cr", namespace: str = "intra", /, **section: Any) -> HarborRegistry:
    """Returns a registry that asks for a policy; `section` is the rest of `spec.pullSecrets`."""
    pull = {"credential": {"robot": {}}, "admissionPolicy": "Enabled", **section}
    spec = {"externalURL": "https://cr.example.com", "pullSecrets": pull}
    return HarborRegistry.parse({"metadata": {"name": name, "namespace": namespace, "uid": "uid-1"}, "spec": spec})


def desired_policies(name: str = "cr", /, **section: Any) -> tuple[DesiredPolicy, DesiredPolicy]:
    """Returns the policy and the binding that such a registry asks for."""
    registry = asking(name, **section)
    assert registry.spec.pull_secrets is not None
    return plan_admission(registry, registry.spec.pull_secrets)
