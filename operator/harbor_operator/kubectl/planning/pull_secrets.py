"""The step of the pull Secrets with ports that record writes, and what it means for each namespace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.admission import PLURALS, VERSION, read_policy
from harbor_operator.api.v1alpha1 import HarborRegistry, PullSecrets
from harbor_operator.kubectl.plan import Action
from harbor_operator.kubectl.planning.namespaces import PlannedInjection
from harbor_operator.kubectl.planning.resources import PlannedResources
from harbor_operator.model.admission import AdmissionKind, DesiredPolicy, ObservedPolicy
from harbor_operator.model.harbor import ObservedRobot
from harbor_operator.model.injection import DesiredContent, NamespaceContent, NamespaceContents
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.outcomes import Blocked, Done, Outcome, StuckPodFacts, Unknown
from harbor_operator.model.pods import StuckPodPolicy
from harbor_operator.model.robots import NamespaceRobotFacts
from harbor_operator.plan.pull_secrets import docker_config
from harbor_operator.ports import Unavailable
from harbor_operator.ports.admission import AdmissionPolicyApi
from harbor_operator.ports.harbor_ports import HarborPorts
from harbor_operator.ports.namespace_robots import DeclaredRobots, NamespaceRobotManager
from harbor_operator.ports.stuck_pods import StuckPodEviction
from harbor_operator.steps.injection_grants import InjectionGrants
from harbor_operator.steps.outcomes import outcome_of
from harbor_operator.steps.pull_admission import PullAdmission
from harbor_operator.steps.pull_credential import PullCredential
from harbor_operator.steps.pull_namespace_robots import PullNamespaceRobots
from harbor_operator.steps.pull_robot import PullRobot
from harbor_operator.steps.pull_secrets import BackgroundWork, PullProofs, PullSecretsStep, desired_injection

NEW_LOGIN = SecretStr("{}")
"""The content of a pull Secret whose login does not exist yet: it differs from each content."""


class PlannedPullSecrets:
    """Plans the robot, the policy and the namespaces of one registry."""

    def __init__(
        self,
        kube: PlannedResources,
        ports: HarborPorts,
        injection: PlannedInjection,
        grants: tuple[str, ...],
        clock: Callable[[], datetime],
    ) -> None:
        make_password = kube.recorder.make_password
        self._injection = injection
        self._recorder = kube.recorder
        robot = PullRobot(kube, ports.probe, ports.harbor, make_password, clock)
        robots = PullNamespaceRobots(kube, ports.harbor, _PlannedRobots(), make_password)
        self._credential = PullCredential(kube, ports.probe, ports.harbor, robot, robots)
        self._step = PullSecretsStep(
            InjectionGrants(kube, grants),
            self._credential,
            BackgroundWork(injection, _NoEviction()),
            PullAdmission(_PlannedAdmission(kube), lambda: clock().timestamp()),
            _NoProofs(),
        )

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Records the lines; Done unless something is in conflict or was not observed."""
        try:
            outcome = await self._step.reconcile(registry)
        except Unavailable as error:
            outcome = outcome_of(error)
        section = registry.spec.pull_secrets
        if section and isinstance(outcome, Unknown) and self._injection.declared(registry.metadata.uid) is None:
            await self._declare_stored(registry, section)
        if section is None or self._injection.declared(registry.metadata.uid):
            await self._injection.record(self._recorder)
        return outcome if isinstance(outcome, Blocked | Unknown) else Done("no namespace is selected")

    async def _declare_stored(self, registry: HarborRegistry, section: PullSecrets) -> None:
        """Declares the login that is stored: without Harbor, nothing else is known of its successor."""
        if section.credential.namespace_robot:
            content = DesiredContent(contents=_WaitingContents())
        else:
            login = await self._credential.stored.read_known(registry, section)
            others = await self._credential.stored.read_other_logins(registry, section)
            content = DesiredContent(docker_config(registry, login, others) if login else NEW_LOGIN)
        self._injection.declare(desired_injection(registry, section, content))


class _WaitingContents(NamespaceContents):
    """Contents that depend on robots, which a plan does not follow."""

    @override
    def content(self, namespace: ObservedNamespace) -> NamespaceContent | None:
        return NamespaceContent()

    @override
    def request(self, namespace: ObservedNamespace) -> None:
        return None


class _PlannedRobots(NamespaceRobotManager):
    """Starts no work."""

    @override
    def declare(self, registry_uid: str, declared: DeclaredRobots) -> NamespaceContents:
        return _WaitingContents()

    @override
    def is_listed(self, registry_uid: str, max_age_seconds: float) -> bool:
        return True

    @override
    def begin_list(self, registry_uid: str) -> None:
        return None

    @override
    def observe(self, registry_uid: str, robots: Sequence[ObservedRobot]) -> None:
        return None

    @override
    def version(self, registry_uid: str) -> bytes:
        return b""

    @override
    def reconcile(self, registry_uid: str) -> None:
        return None

    @override
    def repair(self, registry_uid: str, failed: frozenset[str]) -> None:
        return None

    @override
    def left_to_rotate(self, registry_uid: str) -> int:
        return 0

    @override
    def read(self, registry_uid: str) -> NamespaceRobotFacts:
        return NamespaceRobotFacts()

    @override
    def withdraw(self, registry_uid: str) -> None:
        return None

    @override
    async def stop(self, registry_uid: str) -> None:
        return None


class _NoEviction(StuckPodEviction):
    @override
    def declare(self, desired: StuckPodPolicy) -> None:
        return None

    @override
    def withdraw(self, registry_uid: str) -> None:
        return None

    @override
    def read(self, registry_uid: str) -> StuckPodFacts:
        return StuckPodFacts()


class _NoProofs(PullProofs):
    @override
    async def prove(self, registry: HarborRegistry, section: PullSecrets) -> Mapping[str, str]:
        return {}

    @override
    def forget(self, registry: HarborRegistry) -> None:
        return None


class _PlannedAdmission(AdmissionPolicyApi):
    """Reads policies and bindings, and records what would be written."""

    def __init__(self, kube: PlannedResources) -> None:
        self._kube = kube
        self._recorder = kube.recorder

    @override
    async def read(self, kind: AdmissionKind, name: str) -> ObservedPolicy | None:
        found = await self._kube.get(f"/apis/{VERSION}/{PLURALS[kind]}/{name}")
        return read_policy(found) if found else None

    @override
    async def create(self, desired: DesiredPolicy) -> None:
        self._recorder.record(Action.CREATE, _subject(desired))

    @override
    async def correct(self, desired: DesiredPolicy, observed: ObservedPolicy) -> None:
        self._recorder.record(Action.CHANGE, _subject(desired), ["its spec differs"])

    @override
    async def remove(self, desired: DesiredPolicy, observed: ObservedPolicy) -> None:
        self._recorder.record(Action.REMOVE, _subject(desired))


def _subject(desired: DesiredPolicy) -> str:
    return f"{desired.kind} '{desired.name}'"
