"""PullSecretsReady: every selected namespace has a Secret with one pull-only login; the injector writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from harbor_operator.api.v1alpha1 import AdmissionPolicy, DeletionPolicy, HarborRegistry, PullSecrets, StuckPods
from harbor_operator.checks.admission import combine
from harbor_operator.checks.injection_grants import secret_name_taken
from harbor_operator.checks.namespace_robots import with_open_rotation
from harbor_operator.checks.pull_proof import with_failed_proofs
from harbor_operator.checks.pull_secrets import (
    check_other_hosts,
    handing_over,
    injection_outcome,
    robot_left_behind,
    stuck_pod_warnings,
)
from harbor_operator.model.harbor import Login
from harbor_operator.model.injection import Claim, DesiredContent, DesiredInjection
from harbor_operator.model.outcomes import (
    NOT_REQUESTED,
    Blocked,
    ConditionType,
    Done,
    Facts,
    Outcome,
    PullSecretFacts,
    StatusWarning,
)
from harbor_operator.model.pods import StuckPodPolicy
from harbor_operator.plan import names
from harbor_operator.plan.pull_secrets import docker_config, image_hosts
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.injection import PullSecretInjection
from harbor_operator.ports.stuck_pods import StuckPodEviction
from harbor_operator.steps.injection_grants import InjectionGrants
from harbor_operator.steps.outcomes import BlockedError
from harbor_operator.steps.pull_admission import PullAdmission
from harbor_operator.steps.pull_claims import Leftover, PullClaims, claim_of
from harbor_operator.steps.pull_credential import PullCredential
from harbor_operator.steps.sampled_pull_proof import RETRY_SECONDS

INITIAL_SYNC_SECONDS = 5.0
NOTHING_INJECTED = PullSecretFacts(namespaces=0, ready=0, failed=0)

MAX_HANDOVER_ATTEMPTS = 5
"""Attempts of a teardown, about 30 seconds, in which another registry can take over a Secret of the same name."""


@dataclass(frozen=True, slots=True)
class BackgroundWork:
    """What continues between the passes: the injection, and the eviction of stuck pods."""

    injection: PullSecretInjection
    stuck_pods: StuckPodEviction


class PullProofs(Protocol):
    """Tries the injected Secrets of a registry."""

    async def prove(self, registry: HarborRegistry, section: PullSecrets) -> Mapping[str, str]:
        """Returns the problems of the namespaces that could not pull when last tried."""
        ...

    def forget(self, registry: HarborRegistry) -> None:
        """Drops the state of a registry."""
        ...


class PullSecretsStep:
    """Provides the login, declares the desired injection, withdraws earlier ones, and reports the progress."""

    condition_type = ConditionType.PULL_SECRETS
    depends_on = (ConditionType.REACHABILITY,)

    def __init__(
        self,
        grants: InjectionGrants,
        credential: PullCredential,
        background: BackgroundWork,
        admission: PullAdmission,
        proofs: PullProofs,
    ) -> None:
        self._grants = grants
        self._credential = credential
        self._injection = background.injection
        self._stuck_pods = background.stuck_pods
        self._admission = admission
        self._proofs = proofs
        self._stored = credential.stored
        self._accepted = credential.stored.accepted
        self._robot = credential.robot
        self._namespace_robots = credential.namespace_robots
        self._claims = PullClaims(background.injection)
        self._handovers: dict[str, int] = {}

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Declares the desired injection and reports its progress."""
        section = registry.spec.pull_secrets
        if section is None:
            return await self._clean_up(registry)
        if blocked := self._grants.check_namespace(registry):
            return await self._stop(registry, blocked)
        holder = self._injection.holder(section.secret_name)
        if blocked := await self._grants.check_name(registry, section.secret_name, holder):
            return blocked
        if blocked := check_other_hosts(registry, section, image_hosts(registry)):
            return blocked
        wants_policy = section.admission_policy is AdmissionPolicy.ENABLED
        # The removal of a policy needs no login.
        policy = None if wants_policy else await self._drop_policy(registry)
        content = await self._content(registry, section)
        if isinstance(content, Blocked):
            return content
        # Before the declaration: after a rename, no new account must get the old reference while it is removed.
        policy = policy or await self._keep_policy(registry, section)
        outcome = combine(await self._inject(registry, section, content, holder), policy)
        problems = await self._proofs.prove(registry, section)
        if section.credential.namespace_robot:
            self._namespace_robots.repair(registry, problems.keys())
        outcome = with_failed_proofs(outcome, section.secret_name, problems, RETRY_SECONDS)
        warnings = await self._credential.read_warnings(registry)
        return replace(outcome, warnings=(*outcome.warnings, *warnings))

    async def reconcile_degraded(self, registry: HarborRegistry) -> Facts:
        """Does what needs no Harbor: injects the accepted login where the spec says now, and removes what it dropped.

        Otherwise a new namespace, an exclusion or the removal of the section would wait for Harbor.
        """
        section = registry.spec.pull_secrets
        if section is not None and self._grants.check_namespace(registry):
            self.suspend(registry)
            return Facts()
        await self._admission.reconcile_degraded(registry)
        if section is None:
            self._stuck_pods.withdraw(registry.metadata.uid)
            leftovers = self._withdraw(registry, None)
            return self._claims.cleaning_up(registry, leftovers, NOTHING_INJECTED).facts if leftovers else Facts()
        holder = self._injection.holder(section.secret_name)
        if await self._grants.check_name(registry, section.secret_name, holder) is None:
            await self._declare_degraded(registry, section)
        if self._injection.read(claim_of(registry, section)) is None:
            return Facts()
        return (await self._report(registry, section)).facts

    def suspend(self, registry: HarborRegistry) -> None:
        """Stops injection and eviction; what is injected stays."""
        self._stuck_pods.withdraw(registry.metadata.uid)
        self._proofs.forget(registry)
        self._namespace_robots.suspend(registry)
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
        try:
            robot = await self._remove_login(registry)
        except Refused as refused:
            return Blocked(refused.reason, "; ".join([*lingering, str(refused)]))
        self._claims.forget(registry)
        self._admission.forget(registry)
        self._proofs.forget(registry)
        self._handovers.pop(registry.metadata.uid, None)
        return Done("; ".join([robot, *lingering]))

    async def _remove_login(self, registry: HarborRegistry) -> str:
        """Removes the robot and the Secrets with its login, and returns what a message says about it.

        A pull-only robot whose password is deleted does no harm; a registry that cannot be deleted does.
        """
        message = "pull Secrets, references and robot are gone"
        try:
            await self._robot.remove(registry)
            await self._namespace_robots.remove(registry)
        except (Unavailable, Refused) as error:
            message = robot_left_behind(names.robot(registry), str(error))
        await self._robot.remove_secret(registry)
        await self._namespace_robots.remove_key(registry)
        await self._accepted.remove(registry)
        return message

    async def _hand_over(self, registry: HarborRegistry) -> Outcome | None:
        """Waits for a registry that uses the same Secret name: the injector then replaces each Secret in place."""
        uid = registry.metadata.uid
        secret_names = self._claims.secret_names(registry)
        if not secret_names or self._handovers.get(uid, 0) >= MAX_HANDOVER_ATTEMPTS:
            return None
        successors = await self._grants.find_successors(registry, secret_names)
        if not successors or any(self._injection.declared(successor) for successor in successors):
            return None
        self._handovers[uid] = self._handovers.get(uid, 0) + 1
        return handing_over(secret_names)

    async def _declare_degraded(self, registry: HarborRegistry, section: PullSecrets) -> None:
        """Declares a login that Harbor has accepted; a changed one is tried, and until then the earlier one stays."""
        login = await self._usable_login(registry, section)
        if login is not None:
            others = await self._stored.read_other_logins(registry, section)
            self._declare(registry, section, DesiredContent(docker_config(registry, login, others)))
        elif declared := self._injection.declared(registry.metadata.uid):
            self._injection.declare(
                replace(
                    declared,
                    claim=claim_of(registry, section),
                    namespaces=section.namespaces,
                    conflict_policy=section.conflict_policy,
                )
            )

    async def _usable_login(self, registry: HarborRegistry, section: PullSecrets) -> Login | None:
        if section.credential.namespace_robot:
            return None  # each namespace has a login of its own
        login = await self._stored.read_known(registry, section)
        is_revoked = section.credential.cluster_robot is not None and await self._robot.is_revoked(registry)
        if login is None or is_revoked or not await self._accepted.is_recorded(registry, login):
            return await self._try_changed_login(registry, section)
        return login

    async def _try_changed_login(self, registry: HarborRegistry, section: PullSecrets) -> Login | None:
        """Returns a changed login if Harbor accepts it although it is not healthy: the earlier one may be leaked."""
        if not await self._accepted.has_worked(registry):
            return None
        try:
            login = await self._login(registry, section)
        except (Unavailable, Refused):
            return None
        if isinstance(login, Blocked):
            return None
        await self._accepted.record(registry, login)
        return login

    async def _content(self, registry: HarborRegistry, section: PullSecrets) -> DesiredContent | Blocked:
        if robot := section.credential.namespace_robot:
            others = await self._stored.read_other_logins(registry, section)
            try:
                return await self._namespace_robots.declare(registry, robot, others)
            except BlockedError as error:
                return error.outcome
        login = await self._login(registry, section)
        if isinstance(login, Blocked):
            return login
        await self._accepted.record(registry, login)
        others = await self._stored.read_other_logins(registry, section)
        return DesiredContent(docker_config(registry, login, others))

    async def _inject(
        self, registry: HarborRegistry, section: PullSecrets, content: DesiredContent, holder: str | None
    ) -> Outcome:
        claim = claim_of(registry, section)
        if self._injection.holder(section.secret_name) not in {None, registry.metadata.uid, holder}:
            return secret_name_taken("", section.secret_name)  # since it was checked
        self._declare(registry, section, content)
        # Without the wait, a restart would set a condition to Unknown that has been True all along.
        await self._injection.wait_for_sync(claim, INITIAL_SYNC_SECONDS)
        left = 0
        if section.credential.namespace_robot:
            left = await self._namespace_robots.finish_rotation(registry, self._injection.read(claim))
        outcome = with_open_rotation(await self._report(registry, section), left)
        warnings = await self._retire(registry, section, outcome)
        stuck = stuck_pod_warnings(self._stuck_pods.read(registry.metadata.uid))
        lingering = self._claims.lingering(registry)
        return replace(outcome, warnings=(*outcome.warnings, *warnings, *stuck, *lingering))

    async def _retire(
        self, registry: HarborRegistry, section: PullSecrets, outcome: Outcome
    ) -> tuple[StatusWarning, ...]:
        """Ends the robots that the login in use has replaced, once the namespaces have it."""
        robot, progress = section.credential.cluster_robot, outcome.facts.pull_secrets
        if section.credential.namespace_robot:
            self._namespace_robots.reconcile(registry)
        elif isinstance(outcome, Done):
            await self._namespace_robots.remove(registry)
        if robot is None:
            if isinstance(outcome, Done):
                await self._robot.remove(registry)
            return self._namespace_robots.warnings(registry)
        warnings = await self._robot.retire(registry, robot, progress) if progress else ()
        return (*warnings, *self._robot.warnings(registry))

    async def _keep_policy(self, registry: HarborRegistry, section: PullSecrets) -> Outcome:
        policy = await self._admission.ensure(registry, section)
        self._injection.expect_policy_effect(registry.metadata.uid, attached=isinstance(policy, Done))
        return policy

    async def _drop_policy(self, registry: HarborRegistry) -> Outcome:
        self._injection.expect_policy_effect(registry.metadata.uid, attached=False)
        return await self._admission.remove(registry)

    async def _stop(self, registry: HarborRegistry, blocked: Blocked) -> Outcome:
        """Stops injection and eviction, and removes the policy, which would add references to no Secret of ours."""
        self.suspend(registry)
        return combine(blocked, await self._drop_policy(registry))

    async def _login(self, registry: HarborRegistry, section: PullSecrets) -> Login | Blocked:
        given, robot = section.credential.secret_ref, section.credential.cluster_robot
        if given is not None:
            return await self._credential.read_account(registry, given, allow_push=section.credential.allow_push)
        if robot is not None:
            try:
                return await self._robot.ensure(registry, robot)
            except BlockedError as error:
                return error.outcome
        raise ValueError("a credential is exactly one of robot and secretRef, as the model of the resource ensures")

    def _declare(self, registry: HarborRegistry, section: PullSecrets, content: DesiredContent) -> None:
        self._injection.declare(desired_injection(registry, section, content))
        uid = registry.metadata.uid
        if section.stuck_pods is StuckPods.EVICT:
            host, *more = image_hosts(registry)
            self._stuck_pods.declare(StuckPodPolicy(uid, section.secret_name, host, tuple(more)))
        else:
            self._stuck_pods.withdraw(uid)

    async def _clean_up(self, registry: HarborRegistry) -> Outcome:
        self._stuck_pods.withdraw(registry.metadata.uid)
        self._proofs.forget(registry)
        policy = await self._drop_policy(registry)
        if not isinstance(policy, Done):
            return policy
        if leftovers := self._withdraw(registry, None):
            return self._claims.cleaning_up(registry, leftovers, NOTHING_INJECTED)
        await self._robot.remove(registry)
        await self._namespace_robots.remove(registry)
        await self._accepted.remove(registry)
        return replace(NOT_REQUESTED, warnings=self._claims.lingering(registry))

    async def _report(self, registry: HarborRegistry, section: PullSecrets) -> Outcome:
        claim = claim_of(registry, section)
        leftovers = self._withdraw(registry, claim)
        observed = self._injection.read(claim)
        credential = await self._stored.describe(registry, section)
        if section.credential.namespace_robot:
            credential = self._namespace_robots.describe(registry, credential)
        facts = replace(
            observed or NOTHING_INJECTED,
            admission_policy=self._admission.name(registry),
            credential=credential,
        )
        if leftovers:
            return self._claims.cleaning_up(registry, leftovers, facts)
        named = replace(facts, secret_name=claim.secret_name, service_accounts=claim.service_accounts)
        return injection_outcome(claim.secret_name, observed, Facts(pull_secrets=named))

    def _withdraw(self, registry: HarborRegistry, present: Claim | None, *more: Claim) -> list[Leftover]:
        settled = not self._admission.is_settling(registry)
        return self._claims.withdraw(registry, present, *more, settled=settled)


def desired_injection(registry: HarborRegistry, section: PullSecrets, content: DesiredContent) -> DesiredInjection:
    """Returns what the injector must do for a registry."""
    return DesiredInjection(
        claim=claim_of(registry, section),
        registry_key=registry.key,
        namespaces=section.namespaces,
        conflict_policy=section.conflict_policy,
        docker_config=content.docker_config,
        contents=content.contents,
        contents_version=content.version,
    )
