"""RegistryReachable: `spec.externalURL` answers as container runtimes and docker clients need it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.reachability import (
    ANNOUNCED_MIB,
    PROBE_MIB,
    body_limit_warnings,
    certificate_warnings,
    check_certificate,
    check_health,
    check_upload,
    check_v2_response,
    describe_reached,
)
from harbor_operator.checks.storage_driver import describe_proof
from harbor_operator.model.harbor import HarborEndpoint, Identity, Login
from harbor_operator.model.outcomes import Blocked, ConditionType, Done, Facts, Outcome, Pending
from harbor_operator.model.reachability import AnnouncedBody, BodyLimit, Component
from harbor_operator.plan.pull_secrets import pull_login_ref
from harbor_operator.plan.reachability import TrialKey, needs_api, trial_key, upload_repository
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.harbor import Harbor, RegistryProbe
from harbor_operator.ports.image_proof import ImageProof
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.harbor_access import read_access, read_admin
from harbor_operator.steps.pull_proof import PullProof
from harbor_operator.steps.storage_proof import StorageProof

MIB = 1 << 20
RETRY_BLOCKED = timedelta(minutes=5)
RETRY_PENDING = timedelta(seconds=15)
RECHECK_LIMIT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Trial:
    """An upload that was started, and its result."""

    key: TrialKey
    at: datetime
    failure: Blocked | Pending | None
    wait: timedelta

    def holds(self, key: TrialKey, now: datetime) -> bool:
        """Whether the result still counts."""
        return self.key == key and (self.failure is None or now - self.at < self.wait)


@dataclass(frozen=True, slots=True)
class LimitTrial:
    """What was found about the largest body."""

    key: TrialKey
    at: datetime
    limit: BodyLimit

    def holds(self, key: TrialKey, now: datetime) -> bool:
        """Whether the result still counts; a limit is looked for again soon, so that its warning ends with it."""
        wait = RECHECK_LIMIT if self.limit.refused_mib is None else RETRY_BLOCKED
        return self.key == key and now - self.at < wait


class ReachabilityStep:
    """Observes the registry as a client; the only writes are one upload, which is cancelled, and the proof of a driver.

    The upload is tried once per spec, because even a cancelled one leaves some hundred bytes in the storage. Its result
    is kept in memory, and the status has it after a restart. A failure is tried again after a while, so that the
    condition becomes True without a change of the spec. Larger bodies are only announced, which leaves nothing.
    """

    condition_type = ConditionType.REACHABILITY
    depends_on = (ConditionType.RELEASE,)

    def __init__(
        self,
        kube: NamespaceResources,
        probe: RegistryProbe,
        harbor: Harbor,
        images: ImageProof,
        clock: Callable[[], datetime],
    ) -> None:
        self._kube = kube
        self._probe = probe
        self._harbor = harbor
        self._proof = PullProof(probe, harbor)
        self._storage = StorageProof(kube, images, clock)
        self._clock = clock
        self._trials: dict[str, Trial] = {}
        self._limits: dict[str, LimitTrial] = {}

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Does what a client does: handshake, GET /v2/, health, token, upload; the first failure is the outcome."""
        access = await read_access(self._kube, registry)
        certificate = await self._probe.read_certificate(access)
        if certificate and (blocked := check_certificate(registry, certificate)):
            return blocked
        if unexpected := check_v2_response(registry, await self._probe.read_v2_response(access)):
            return unexpected
        health = await self._read_health(registry, access)
        if unhealthy := check_health(registry, health or ()):
            return unhealthy
        admin = await self._admin(registry, access) if health is not None else None
        if failure := await self._try_pull(registry, access, admin):
            return failure
        proof = await self._storage.prove(registry, admin) if admin else None
        if failure := (proof.failure if proof else None) or await self._try_upload(registry, admin):
            return failure
        limit = await self._find_body_limit(registry, access) if health is not None else None
        version = (await self._harbor.read_system(admin)).version or None if admin else None
        facts = Facts(harbor_version=version, storage_proof=proof.digest if proof else None)
        warnings = certificate_warnings(registry, certificate, self._clock()) if certificate else ()
        message = describe_reached(registry, limit, has_api=health is not None)
        message += describe_proof(registry, is_proved=proof is not None)
        return Done(message, facts=facts, warnings=(*warnings, *body_limit_warnings(registry, limit)))

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Drops the result of the upload; there is nothing else."""
        self._trials.pop(registry.metadata.uid, None)
        self._limits.pop(registry.metadata.uid, None)
        self._storage.forget(registry)
        return Done("nothing to undo")

    async def _read_health(self, registry: HarborRegistry, access: HarborEndpoint) -> tuple[Component, ...] | None:
        """Returns the health report; None if /api/ cannot be used and nothing of the spec needs it."""
        try:
            return await self._probe.read_health(access)
        except (Refused, Unavailable):
            if needs_api(registry):
                raise
            return None

    async def _admin(self, registry: HarborRegistry, access: HarborEndpoint) -> HarborEndpoint | None:
        """Returns the administrator if the login works; the Configuration step reports a login that does not."""
        admin = access.with_login(await read_admin(self._kube, registry))
        if admin.login is None or await self._harbor.read_identity(admin) is not Identity.ADMIN:
            return None
        return admin

    async def _try_pull(
        self, registry: HarborRegistry, access: HarborEndpoint, admin: HarborEndpoint | None
    ) -> Blocked | Pending | None:
        client = access.with_login(await self._pull_login(registry))
        # A rejected credential is left to the PullSecrets step, which can replace it only if this one is Done.
        if client.login is None or not await self._probe.try_login(client):
            return None
        return await self._proof.check(registry, client, admin)

    async def _try_upload(self, registry: HarborRegistry, admin: HarborEndpoint | None) -> Blocked | Pending | None:
        uid, key = registry.metadata.uid, trial_key(registry)
        known = self._trials.get(uid)
        if known and known.holds(key, self._clock()):
            return known.failure
        if admin is None or (known is None and registry.observed.reachable):
            return None
        repository = upload_repository(registry, await self._harbor.read_projects(admin))
        if repository is None:
            return None
        observed = await self._probe.try_upload(admin, repository, PROBE_MIB * MIB)
        failure = check_upload(registry, observed)
        if observed.location:
            self._trials[uid] = Trial(key, self._clock(), failure, _wait(known, key, failure))
        return failure

    async def _find_body_limit(self, registry: HarborRegistry, access: HarborEndpoint) -> BodyLimit:
        uid, key = registry.metadata.uid, trial_key(registry)
        known = self._limits.get(uid)
        if known and known.holds(key, self._clock()):
            return known.limit
        limit = await self._announce_bodies(access)
        self._limits[uid] = LimitTrial(key, self._clock(), limit)
        return limit

    async def _announce_bodies(self, access: HarborEndpoint) -> BodyLimit:
        refused: int | None = None
        for mib in ANNOUNCED_MIB:
            answer = await self._probe.announce_body(access, mib * MIB)
            if answer is not AnnouncedBody.REFUSED:
                accepted = mib if answer is not AnnouncedBody.UNANSWERED else None
                return BodyLimit(answer, accepted, refused)
            refused = mib
        return BodyLimit(AnnouncedBody.REFUSED, None, refused)

    async def _pull_login(self, registry: HarborRegistry) -> Login | None:
        ref = pull_login_ref(registry)
        stored = await self._kube.read_secret(registry.metadata.namespace, ref.name) if ref else None
        if ref is None or stored is None or not set(ref.keys) <= stored.values.keys():
            return None
        return Login(stored.values[ref.username_key].get_secret_value(), stored.values[ref.password_key])


def _wait(known: Trial | None, key: TrialKey, failure: Blocked | Pending | None) -> timedelta:
    """Returns how long a failure counts; doubled while it repeats, because each upload leaves bytes behind."""
    if not isinstance(failure, Pending):
        return RETRY_BLOCKED
    if known and known.key == key and isinstance(known.failure, Pending):
        return min(2 * known.wait, RETRY_BLOCKED)
    return RETRY_PENDING
