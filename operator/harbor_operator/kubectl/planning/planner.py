"""Runs the operator's steps for a spec with ports that record writes, section by section."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import NamedTuple, assert_never, cast

from harbor_operator.adapters import secrets
from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.adapters.redis import RedisPyCache
from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.catalogue.search import problems
from harbor_operator.kubectl.cluster import Cluster
from harbor_operator.kubectl.plan import Action, Line
from harbor_operator.kubectl.planning.databases import PlannedPostgres
from harbor_operator.kubectl.planning.harbor_steps import SECTIONS, SUBJECTS, planned_ports
from harbor_operator.kubectl.planning.namespaces import PlannedInjection
from harbor_operator.kubectl.planning.pull_secrets import PlannedPullSecrets
from harbor_operator.kubectl.planning.recorder import PlanEnds, Recorder
from harbor_operator.kubectl.planning.registry import read_planned_registry
from harbor_operator.kubectl.planning.releases import PlannedHelm, record_release
from harbor_operator.kubectl.planning.resources import PlannedResources
from harbor_operator.kubectl.planning.stores import PlannedRgw, PlannedS3, PlannedSwift
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import Blocked, Done, Outcome, Pending, Unknown
from harbor_operator.model.s3 import DesiredS3
from harbor_operator.model.storage import DesiredSwift, ObjectSearch, StoragePlace
from harbor_operator.plan.generated_secrets import PASSWORD_LENGTH
from harbor_operator.plan.storage import plan_storage, swift_place
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.ports.rgw_admin import RgwAdmin
from harbor_operator.ports.s3_store import S3Store
from harbor_operator.reasons import Reason
from harbor_operator.steps import Step
from harbor_operator.steps.admin_password import AdminPassword
from harbor_operator.steps.attempt import attempt
from harbor_operator.steps.cache import CacheStep
from harbor_operator.steps.configuration import ConfigurationSection, has_password
from harbor_operator.steps.configuration_sections import configuration_sections
from harbor_operator.steps.database import DatabaseStep
from harbor_operator.steps.harbor_access import read_access
from harbor_operator.steps.project_robots import ProjectRobotSection
from harbor_operator.steps.release import ReleaseStep
from harbor_operator.steps.storage import StorageStep, Stores
from harbor_operator.steps.storage_in_use import MigrationRecords, StorageInUse

_EVERY_NAMESPACE = ("*/*",)
"""A plan does not know where the operator may write the Secrets of robots."""
MAX_KEPT = 20
"""Unchanged objects of a section that are listed by name."""

Act = Callable[[HarborRegistry], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Options:
    """What a plan depends on beside the spec: settings of the operator, seconds for each section, and the clock."""

    cluster_id: str
    injection_namespaces: tuple[str, ...]
    timeout_seconds: float
    clock: Callable[[], datetime]


class Plan(NamedTuple):
    """The plan of a registry ('namespace/name')."""

    registry: str
    lines: list[Line]


def make_plan(cluster: Cluster, filename: str, options: Options) -> Plan:
    """Returns the plan of the HarborRegistry in a file. Raises CommandError."""
    recorder = Recorder(partial(secrets.make_password, PASSWORD_LENGTH))
    registry = read_planned_registry(cluster, filename, options.cluster_id, recorder)
    if registry.spec.suspend:
        recorder.record(Action.KEEP, "everything: `spec.suspend` is true, so the operator writes nothing")
    else:
        asyncio.run(_Planner(cluster, registry, options, recorder).run())
    return Plan(registry.key, recorder.lines)


class _Planner:
    def __init__(self, cluster: Cluster, registry: HarborRegistry, options: Options, recorder: Recorder) -> None:
        self._cluster = cluster
        self._registry = registry
        self._options = options
        self._recorder = recorder
        self._kube = PlannedResources(cluster, recorder)
        self._postgres = PlannedPostgres(PsycopgPostgres(), recorder)
        self._installs = False

    async def run(self) -> None:
        """Records the lines of every section that the spec has, in the order of the operator's steps."""
        with suppress(Refused, Unavailable):  # each section reports what cannot be read
            self._registry = await StorageInUse(MigrationRecords(self._kube)).registry(self._registry)
        spec = self._registry.spec
        steps: dict[str, tuple[object, Step]] = {
            "spec.database": (spec.database, DatabaseStep(self._kube, self._postgres, self._recorder.make_password)),
            "spec.cache": (spec.cache, CacheStep(self._kube, RedisPyCache())),
            "spec.storage": (spec.storage, self._storage()),
        }
        failed = [
            where
            for where, (section, step) in steps.items()
            if section is not None and not isinstance(await self._section(where, step.reconcile), Done)
        ]
        await self._harbor(await self._release(failed) if spec.release else ())

    def _storage(self) -> StorageStep:
        recorder, desired = self._recorder, plan_storage(self._registry)
        place = StoragePlace("", "", "", "", adopts=False)  # neither a volume nor a driver has one
        if isinstance(desired, DesiredS3):
            place = desired.place
        elif isinstance(desired, DesiredSwift):
            place = swift_place(desired)
        rgw = PlannedRgw(HttpRgwAdmin(), recorder)
        swift = PlannedSwift(SwiftObjectStore(), recorder, rgw, place)
        s3 = PlannedS3(HttpS3Store(), recorder, rgw, place)
        stores = Stores(cast("ObjectStore", swift), cast("S3Store", s3), cast("RgwAdmin", rgw))
        return StorageStep(self._kube, stores, recorder.make_password, self._postgres)

    async def _release(self, failed: Collection[str]) -> Collection[str]:
        """Returns the section if the release could not be planned; `failed` are those that it depends on."""
        helm = PlannedHelm()
        step = ReleaseStep(self._kube, self._postgres, helm, secrets.SECRET_GENERATOR, self._options.clock)

        async def reconcile(registry: HarborRegistry) -> Outcome:
            outcome = await step.reconcile(registry)
            if helm.desired is None:
                return outcome
            action = await record_release(self._kube, registry, helm.desired, self._recorder)
            self._installs = action is Action.CREATE
            return Done("")

        outcome = await self._section("spec.release", reconcile, failed)
        return ["spec.release"] if isinstance(outcome, Blocked | Unknown) else ()

    async def _harbor(self, failed: Collection[str]) -> None:
        registry, kube, recorder = self._registry, self._kube, self._recorder
        ports = planned_ports(recorder, installs=self._installs)
        robots = ProjectRobotSection(kube, ports, _EVERY_NAMESPACE, recorder.make_password, self._options.clock)
        every = configuration_sections(kube, ports, _measure_nothing, _search_nothing, robots)
        sections = [one for one in every if one.is_requested(registry)]
        if sections or has_password(registry):
            password = AdminPassword(kube, ports.harbor, ports.accounts, recorder.make_password)
            await self._configuration(password, sections, failed)
        if registry.spec.pull_secrets or registry.observed.secret_name:
            injection, grants = PlannedInjection(self._cluster), self._options.injection_namespaces
            step = PlannedPullSecrets(kube, ports, injection, grants, self._options.clock)
            await self._section("spec.pullSecrets", step.reconcile, failed)

    async def _configuration(
        self, password: AdminPassword, sections: Collection[ConfigurationSection], failed: Collection[str]
    ) -> None:
        """Plans the sections with the administrator's login, if Harbor accepts it."""
        endpoints: list[HarborEndpoint] = []

        async def log_in(registry: HarborRegistry) -> Outcome:
            accepted = await password.ensure(registry, await read_access(self._kube, registry))
            endpoints.append(accepted.endpoint)
            return Done("Harbor accepts the password of user 'admin'")

        await self._section("spec.adminPasswordSecretRef", log_in, failed)
        for where, group in groupby(sections, lambda section: SECTIONS[type(section)]):
            self._recorder.begin(where)
            if endpoints:
                acts = [partial(_reconcile, section, endpoints[0]) for section in group]
                self._conclude_all(where, [await self._attempt(act) for act in acts])
            else:
                text = "needs the administrator's login to Harbor (`spec.adminPasswordSecretRef`)"
                self._recorder.record(Action.UNOBSERVED, text)

    def _conclude_all(self, where: str, outcomes: Collection[Outcome]) -> None:
        """Adds the subjects that stay as they are, and how each part of the section ended."""
        named, changed = SUBJECTS[where](self._registry), {line.subject for line in self._recorder.section}
        is_done = all(isinstance(outcome, Done) for outcome in outcomes)
        kept = [subject for subject in named if subject not in changed] if is_done else []
        for subject in kept if len(kept) <= MAX_KEPT else [f"{len(kept)} others"]:
            self._recorder.record(Action.KEEP, subject)
        for outcome in outcomes:
            self._conclude(outcome)

    async def _section(self, where: str, act: Act, failed: Collection[str] = ()) -> Outcome:
        """Plans a section; what stops it is no conflict of its own if one that it depends on has `failed`."""
        self._recorder.begin(where)
        outcome = await self._attempt(act)
        if isinstance(outcome, Blocked) and failed:
            outcome = Unknown(outcome.reason, f"depends on {', '.join(failed)}: {outcome.message}")
        self._conclude(outcome)
        return outcome

    async def _attempt(self, act: Act) -> Outcome:
        try:
            async with asyncio.timeout(self._options.timeout_seconds):
                return await attempt(partial(self._until_end, act), self._registry)
        except TimeoutError:
            return Unknown(Reason.UNAVAILABLE, f"no answer within {self._options.timeout_seconds:g} s")

    async def _until_end(self, act: Act, registry: HarborRegistry) -> Outcome:
        try:
            return await act(registry)
        except PlanEnds as end:
            if str(end):
                self._recorder.record(Action.UNOBSERVED, str(end))
            return Done("")

    def _conclude(self, outcome: Outcome) -> None:
        """Adds how the step ended, unless the recorded writes say it."""
        is_empty = not self._recorder.section
        match outcome:
            case Pending(reason=Reason.WORKLOADS_NOT_READY):
                self._recorder.record(Action.KEEP, outcome.message)
            case Done() if is_empty:
                self._recorder.record(Action.KEEP, outcome.message)
            case Pending() if is_empty:
                self._recorder.record(Action.UNOBSERVED, outcome.message)
            case Done() | Pending():
                pass
            case Unknown():
                self._recorder.record(Action.UNOBSERVED, outcome.message)
            case Blocked():
                problem = problems().get(outcome.reason)
                self._recorder.conflict(outcome.reason, outcome.message, problem.remedy if problem else "")
            case _:
                assert_never(outcome)


async def _measure_nothing(_registry: HarborRegistry) -> None:
    """Returns None: a plan reports no sizes."""


async def _search_nothing(_registry: HarborRegistry, earlier: ObjectSearch) -> ObjectSearch:
    """Finds nothing: a plan reports no broken objects."""
    return earlier


async def _reconcile(section: ConfigurationSection, admin: HarborEndpoint, registry: HarborRegistry) -> Outcome:
    return await section.reconcile(registry, admin)
