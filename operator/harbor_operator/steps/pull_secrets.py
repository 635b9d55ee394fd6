"""PullSecretsReady: every selected namespace has a Secret with one pull-only login; the injector writes them."""

from __future__ import annotations

from dataclasses import replace

from harbor_operator.api.v1alpha1 import AdmissionPolicy, DeletionPolicy, HarborRegistry, PullSecrets, StuckPods
from harbor_operator.checks.admission import combine
from harbor_operator.checks.pull_secrets import (
    check_secret_name,
    cleaning_up,
    injection_outcome,
    robot_left_behind,
    stuck_pod_warnings,
)
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.injection import Claim, DesiredInjection
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, ConditionType, Done, Facts, Outcome, PullSecretFacts
from harbor_operator.model.pods import StuckPodPolicy
from harbor_operator.plan import names
from harbor_operator.plan.pull_secrets import docker_config, image_host
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.injection import PullSecretInjection
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.stuck_pods import StuckPodEviction
from harbor_operator.steps.harbor_access import read_access
from harbor_operator.steps.pull_admission import PullAdmission
from harbor_operator.steps.pull_credential import PullCredential

EVERY_ACCOUNT = "*"
INITIAL_SYNC_SECONDS = 5.0
NOTHING_INJECTED = PullSecretFacts(namespaces=0, ready=0, failed=0)

Leftover = tuple[Claim, int | None]


class PullSecretsStep:
    """Provides the login, declares the desired injection, withdraws earlier ones, and reports the progress."""

    condition_type = ConditionType.PULL_SECRETS
    depends_on = (ConditionType.REACHABILITY,)

    def __init__(
        self,
        kube: NamespaceResources,
        credential: PullCredential,
        injection: PullSecretInjection,
        admission: PullAdmission,
        stuck_pods: StuckPodEviction,
    ) -> None:
        self._kube = kube
        self._credential = credential
        self._injection = injection
        self._admission = admission
        self._stuck_pods = stuck_pods
        # Claims that this process has declared: the status names only one, and two renames in a row need both.
        self._claims: dict[str, set[Claim]] = {}

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Declares the desired injection and reports its progress."""
        section = registry.spec.pull_secrets
        if section is None:
            return await self._clean_up(registry)
        if blocked := check_secret_name(registry, section.secret_name, await self._kube.read_registries()):
            return blocked
        wants_policy = section.admission_policy is AdmissionPolicy.ENABLED
        # The removal of a policy needs no login.
        policy = None if wants_policy else await self._drop_policy(registry)
        access = await read_access(self._kube, registry)
        login = await self._login(registry, section, access)
        if isinstance(login, Blocked):
            return login
        # Before the declaration: after a rename, no new account must get the old reference while it is removed.
        policy = policy or await self._keep_policy(registry, section)
        outcome = combine(await self._inject(registry, section, login), policy)
        return replace(outcome, warnings=(*outcome.warnings, *await self._credential.read_warnings(registry, access)))

    async def reconcile_degraded(self, registry: HarborRegistry) -> Facts:
        """Continues to inject the login that worked before, so that new namespaces do not wait for Harbor."""
        section = registry.spec.pull_secrets
        await self._admission.reconcile_degraded(registry)
        if section is None or section.secret_name != registry.observed.secret_name:
            return Facts()
        claim = _claim(registry, section)
        if self._injection.read(claim) is None and (login := await self._credential.read_known(registry, section)):
            self._declare(registry, section, login)
        observed = self._injection.read(claim)
        if observed is None:
            return Facts()
        named = replace(
            observed,
            secret_name=claim.secret_name,
            service_accounts=registry.observed.service_accounts,
            admission_policy=self._admission.name(registry),
            robot=registry.observed.robot,
            rotated_at=registry.observed.rotated_at,
        )
        return Facts(pull_secrets=named)

    def suspend(self, registry: HarborRegistry) -> None:
        """Stops injection and eviction; what is injected stays."""
        self._stuck_pods.withdraw(registry.metadata.uid)
        self._injection.abandon(registry.metadata.uid)

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Removes policy, references, Secrets and then the robot, unless the deletion policy retains them."""
        self._stuck_pods.withdraw(registry.metadata.uid)
        # Never retained: it would continue to add references to a Secret that the operator no longer creates.
        policy = await self._drop_policy(registry)
        if not isinstance(policy, Done):
            return policy
        if registry.spec.deletion_policy.pull_secrets is DeletionPolicy.RETAIN:
            self._injection.abandon(registry.metadata.uid)
            return Done(
                "the pull Secrets, their references and the robot are retained (`spec.deletionPolicy.pullSecrets`)"
            )
        section = registry.spec.pull_secrets
        spec_claim = (_claim(registry, section),) if section else ()
        if leftovers := self._withdraw(registry, None, *spec_claim):
            return _cleaning_up(leftovers, NOTHING_INJECTED)
        try:
            await self._credential.remove_robot(registry)
        except (Unavailable, Refused) as error:
            # A pull-only robot whose secret is deleted does no harm; a registry that cannot be deleted does.
            await self._credential.remove_robot_secret(registry)
            return Done(robot_left_behind(names.robot(registry), str(error)))
        self._claims.pop(registry.metadata.uid, None)
        self._admission.forget(registry)
        return Done("pull Secrets, references and robot are gone")

    async def _inject(self, registry: HarborRegistry, section: PullSecrets, login: Login) -> Outcome:
        claim = _claim(registry, section)
        self._declare(registry, section, login)
        # Without the wait, a restart would set a condition to Unknown that has been True all along.
        await self._injection.wait_for_sync(claim, INITIAL_SYNC_SECONDS)
        outcome = self._report(registry, claim, await self._describe(registry, section, login))
        if isinstance(outcome, Done) and section.credential.robot is None:
            await self._credential.remove_robot(registry)
        stuck = stuck_pod_warnings(self._stuck_pods.read(registry.metadata.uid))
        return replace(outcome, warnings=(*outcome.warnings, *stuck))

    async def _keep_policy(self, registry: HarborRegistry, section: PullSecrets) -> Outcome:
        policy = await self._admission.ensure(registry, section)
        self._injection.expect_policy_effect(registry.metadata.uid, attached=isinstance(policy, Done))
        return policy

    async def _drop_policy(self, registry: HarborRegistry) -> Outcome:
        self._injection.expect_policy_effect(registry.metadata.uid, attached=False)
        return await self._admission.remove(registry)

    async def _login(self, registry: HarborRegistry, section: PullSecrets, access: HarborEndpoint) -> Login | Blocked:
        given, robot = section.credential.secret_ref, section.credential.robot
        if given is not None:
            return await self._credential.read_account(registry, access, given)
        if robot is not None:
            return await self._credential.ensure_robot(registry, access, robot)
        raise ValueError("a credential is exactly one of robot and secretRef, as the model of the resource ensures")

    def _declare(self, registry: HarborRegistry, section: PullSecrets, login: Login) -> None:
        self._injection.declare(_desired_injection(registry, section, login))
        uid = registry.metadata.uid
        if section.stuck_pods is StuckPods.EVICT:
            self._stuck_pods.declare(StuckPodPolicy(uid, section.secret_name, image_host(registry)))
        else:
            self._stuck_pods.withdraw(uid)

    async def _clean_up(self, registry: HarborRegistry) -> Outcome:
        self._stuck_pods.withdraw(registry.metadata.uid)
        policy = await self._drop_policy(registry)
        if not isinstance(policy, Done):
            return policy
        if leftovers := self._withdraw(registry, None):
            return _cleaning_up(leftovers, NOTHING_INJECTED)
        await self._credential.remove_robot(registry)
        return NOT_REQUESTED

    async def _describe(self, registry: HarborRegistry, section: PullSecrets, login: Login) -> PullSecretFacts:
        """Returns the facts besides the progress of the injection."""
        return replace(
            NOTHING_INJECTED,
            admission_policy=self._admission.name(registry),
            robot=login.username if section.credential.robot else None,
            rotated_at=await self._credential.read_changed_at(registry, section),
        )

    def _report(self, registry: HarborRegistry, claim: Claim, known: PullSecretFacts) -> Outcome:
        leftovers = self._withdraw(registry, claim)
        observed = self._injection.read(claim)
        facts = replace(
            observed or NOTHING_INJECTED,
            admission_policy=known.admission_policy,
            robot=known.robot,
            rotated_at=known.rotated_at,
        )
        if leftovers:
            return _cleaning_up(leftovers, facts)
        named = replace(facts, secret_name=claim.secret_name, service_accounts=claim.service_accounts)
        return injection_outcome(claim.secret_name, observed, Facts(pull_secrets=named))

    def _withdraw(self, registry: HarborRegistry, present: Claim | None, *more: Claim) -> list[Leftover]:
        """Withdraws every claim that the present one does not cover; returns those with something left to remove."""
        known = self._claims.setdefault(registry.metadata.uid, set())
        known.update(more, _observed_claim(registry))
        # A new account may still get the old reference: it is removed as long as the claim is open.
        settled = not self._admission.is_settling(registry)
        leftovers: list[Leftover] = []
        for claim in sorted(known, key=lambda one: (one.secret_name, one.service_accounts)):
            if present is None or not _covers(present, claim):
                self._injection.withdraw(claim)
                leftovers.append((claim, self._injection.remaining(claim) if settled else None))
        remaining = [leftover for leftover in leftovers if leftover[1] != 0]
        self._claims[registry.metadata.uid] = {claim for claim, _ in remaining} | ({present} if present else set())
        return remaining


def _claim(registry: HarborRegistry, section: PullSecrets) -> Claim:
    return Claim(registry.metadata.uid, section.secret_name, tuple(section.service_accounts), registry.key)


def _observed_claim(registry: HarborRegistry) -> set[Claim]:
    observed = registry.observed
    return (
        {Claim(registry.metadata.uid, observed.secret_name, observed.service_accounts, registry.key)}
        if observed.secret_name
        else set()
    )


def _covers(present: Claim, earlier: Claim) -> bool:
    if present.secret_name != earlier.secret_name:
        return False
    return EVERY_ACCOUNT in present.service_accounts or set(earlier.service_accounts) <= set(present.service_accounts)


def _desired_injection(registry: HarborRegistry, section: PullSecrets, login: Login) -> DesiredInjection:
    return DesiredInjection(
        claim=_claim(registry, section),
        registry_key=registry.key,
        namespaces=section.namespaces,
        conflict_policy=section.conflict_policy,
        docker_config=docker_config(registry, login.username, login.password),
    )


def _cleaning_up(leftovers: list[Leftover], facts: PullSecretFacts) -> Outcome:
    """Reports the old names while something is left of them: after a restart, only the status has them."""
    claim, count = leftovers[0]
    named = replace(facts, secret_name=claim.secret_name, service_accounts=claim.service_accounts)
    return cleaning_up(claim.secret_name, count, Facts(pull_secrets=named))
