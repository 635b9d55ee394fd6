"""PullSecretsReady: every selected namespace has a Secret with one pull-only login; the injector writes them."""

from __future__ import annotations

from dataclasses import replace

from harbor_operator.api.v1alpha1 import AdmissionPolicy, DeletionPolicy, HarborRegistry, PullSecrets, StuckPods
from harbor_operator.checks.admission import combine
from harbor_operator.checks.pull_secrets import (
    check_secret_name,
    find_successors,
    handing_over,
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
from harbor_operator.steps.accepted_login import AcceptedLogin
from harbor_operator.steps.harbor_access import read_access
from harbor_operator.steps.pull_admission import PullAdmission
from harbor_operator.steps.pull_claims import Leftover, PullClaims, claim_of
from harbor_operator.steps.pull_credential import PullCredential

INITIAL_SYNC_SECONDS = 5.0
NOTHING_INJECTED = PullSecretFacts(namespaces=0, ready=0, failed=0)

MAX_HANDOVER_ATTEMPTS = 5
"""Attempts of a teardown, about 30 seconds, in which another registry can take over a Secret of the same name."""


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
        self._accepted = AcceptedLogin(kube)
        self._claims = PullClaims(injection)
        self._handovers: dict[str, int] = {}

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
        await self._accepted.record(registry, login)
        # Before the declaration: after a rename, no new account must get the old reference while it is removed.
        policy = policy or await self._keep_policy(registry, section)
        outcome = combine(await self._inject(registry, section, login), policy)
        return replace(outcome, warnings=(*outcome.warnings, *await self._credential.read_warnings(registry, access)))

    async def reconcile_degraded(self, registry: HarborRegistry) -> Facts:
        """Does what needs no Harbor: injects the accepted login where the spec says now, and removes what it dropped.

        Otherwise a new namespace, an exclusion or the removal of the section would wait for Harbor.
        """
        section = registry.spec.pull_secrets
        await self._admission.reconcile_degraded(registry)
        if section is None:
            self._stuck_pods.withdraw(registry.metadata.uid)
            leftovers = self._withdraw(registry, None)
            return self._claims.cleaning_up(registry, leftovers, NOTHING_INJECTED).facts if leftovers else Facts()
        if check_secret_name(registry, section.secret_name, await self._kube.read_registries()) is None:
            await self._declare_degraded(registry, section)
        claim = claim_of(registry, section)
        if self._injection.read(claim) is None:
            return Facts()
        known = replace(
            NOTHING_INJECTED,
            admission_policy=self._admission.name(registry),
            robot=registry.observed.robot,
            rotated_at=registry.observed.rotated_at,
        )
        return self._report(registry, claim, known).facts

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
        if waiting := await self._hand_over(registry):
            return waiting
        section = registry.spec.pull_secrets
        spec_claim = (claim_of(registry, section),) if section else ()
        if leftovers := self._withdraw(registry, None, *spec_claim):
            return self._claims.cleaning_up(registry, leftovers, NOTHING_INJECTED)
        lingering = [warning.message for warning in self._claims.lingering(registry)]
        robot = await self._remove_login(registry)
        self._claims.forget(registry)
        self._admission.forget(registry)
        self._handovers.pop(registry.metadata.uid, None)
        return Done("; ".join([robot, *lingering]))

    async def _remove_login(self, registry: HarborRegistry) -> str:
        """Removes the robot and the Secrets with its login, and returns what a message says about it.

        A pull-only robot whose password is deleted does no harm; a registry that cannot be deleted does.
        """
        message = "pull Secrets, references and robot are gone"
        try:
            await self._credential.remove_robot(registry)
        except (Unavailable, Refused) as error:
            message = robot_left_behind(names.robot(registry), str(error))
        await self._credential.remove_robot_secret(registry)
        await self._accepted.remove(registry)
        return message

    async def _hand_over(self, registry: HarborRegistry) -> Outcome | None:
        """Waits for a registry that uses the same Secret name: the injector then replaces each Secret in place."""
        uid = registry.metadata.uid
        secret_names = self._claims.secret_names(registry)
        if not secret_names or self._handovers.get(uid, 0) >= MAX_HANDOVER_ATTEMPTS:
            return None
        successors = find_successors(registry, secret_names, await self._kube.read_registries())
        if not successors or any(self._injection.declared(successor) for successor in successors):
            return None
        self._handovers[uid] = self._handovers.get(uid, 0) + 1
        return handing_over(secret_names)

    async def _declare_degraded(self, registry: HarborRegistry, section: PullSecrets) -> None:
        """Declares a login that Harbor has accepted; a changed one is tried, and until then the earlier one stays."""
        login = await self._credential.read_known(registry, section)
        if login is None or not await self._accepted.is_recorded(registry, login):
            login = await self._try_changed_login(registry, section)
        if login is not None:
            self._declare(registry, section, login)
        elif declared := self._injection.declared(registry.metadata.uid):
            self._injection.declare(
                replace(
                    declared,
                    claim=claim_of(registry, section),
                    namespaces=section.namespaces,
                    conflict_policy=section.conflict_policy,
                )
            )

    async def _try_changed_login(self, registry: HarborRegistry, section: PullSecrets) -> Login | None:
        """Returns a changed login if Harbor accepts it although it is not healthy: the earlier one may be leaked."""
        if not await self._accepted.has_worked(registry):
            return None
        try:
            login = await self._login(registry, section, await read_access(self._kube, registry))
        except (Unavailable, Refused):
            return None
        if isinstance(login, Blocked):
            return None
        await self._accepted.record(registry, login)
        return login

    async def _inject(self, registry: HarborRegistry, section: PullSecrets, login: Login) -> Outcome:
        claim = claim_of(registry, section)
        self._declare(registry, section, login)
        # Without the wait, a restart would set a condition to Unknown that has been True all along.
        await self._injection.wait_for_sync(claim, INITIAL_SYNC_SECONDS)
        outcome = self._report(registry, claim, await self._describe(registry, section, login))
        if isinstance(outcome, Done) and section.credential.robot is None:
            await self._credential.remove_robot(registry)
        stuck = stuck_pod_warnings(self._stuck_pods.read(registry.metadata.uid))
        return replace(outcome, warnings=(*outcome.warnings, *stuck, *self._claims.lingering(registry)))

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
            return self._claims.cleaning_up(registry, leftovers, NOTHING_INJECTED)
        await self._credential.remove_robot(registry)
        await self._accepted.remove(registry)
        return replace(NOT_REQUESTED, warnings=self._claims.lingering(registry))

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
            return self._claims.cleaning_up(registry, leftovers, facts)
        named = replace(facts, secret_name=claim.secret_name, service_accounts=claim.service_accounts)
        return injection_outcome(claim.secret_name, observed, Facts(pull_secrets=named))

    def _withdraw(self, registry: HarborRegistry, present: Claim | None, *more: Claim) -> list[Leftover]:
        settled = not self._admission.is_settling(registry)
        return self._claims.withdraw(registry, present, *more, settled=settled)


def _desired_injection(registry: HarborRegistry, section: PullSecrets, login: Login) -> DesiredInjection:
    return DesiredInjection(
        claim=claim_of(registry, section),
        registry_key=registry.key,
        namespaces=section.namespaces,
        conflict_policy=section.conflict_policy,
        docker_config=docker_config(registry, login.username, login.password),
    )
