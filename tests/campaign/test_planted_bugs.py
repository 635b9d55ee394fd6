"""The campaign finds bugs: each test plants one into the operator, and names the oracle that must report it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.database_changes import DropDatabase
from harbor_operator.model.outcomes import Blocked, ConditionType, Done, Outcome
from harbor_operator.reasons import Reason
from harbor_operator.steps import Step
from harbor_operator.steps.attempt import attempt
from tests.campaign.admission import difference
from tests.campaign.api_server import Answer
from tests.campaign.deployment import Deployment, Servers
from tests.campaign.environment import PASSWORDS, prepared
from tests.campaign.model import Case, cases, is_valid
from tests.campaign.oracles import AlarmError
from tests.campaign.schema import Spec
from tests.campaign.seeds import SEEDS
from tests.campaign.semantic import run_case
from tests.campaign.semantic_list import semantic_cases
from tests.campaign.snapshot import snapshot
from tests.campaign.trial import Trial

Act = Callable[[Servers, HarborRegistry, Outcome], Outcome]
PATHS = {
    "suspend",
    "cache.passwordSecretRef.name",
    "cache.username",
    "database.connectionLimit",
    "storage.swift.chunkSizeMiB",
    "pullSecrets.extraHosts",
    "pullSecrets.secretName",
}
KINDS = {"min", "delete", "pattern", "toggle"}


def mini_campaign() -> list[tuple[Spec, Case]]:
    """Returns one case of each kind for a few fields, with the seed that it changes."""
    found: dict[tuple[str, str], tuple[Spec, Case]] = {}
    for case in cases(random_seed=1):
        if case.path in PATHS and case.kind in KINDS and case.seed in {"full", "harbor"}:
            spec = SEEDS[case.seed]
            if is_valid(case.mutate(spec)) and case.mutate(spec) != spec:
                found.setdefault((case.path, case.kind), (spec, case))
    return list(found.values())


CASES = mini_campaign()


@dataclass(frozen=True)
class Bug:
    """A step with this bug sees another spec than the real one, or returns another outcome; the oracle reports it."""

    name: str
    oracle: str
    condition_type: ConditionType
    act: Act = lambda _servers, _registry, outcome: outcome
    see: Callable[[HarborRegistry], HarborRegistry] = lambda registry: registry


class BuggyStep:
    def __init__(self, step: Any, servers: Servers, bug: Bug) -> None:
        self._step = step
        self._servers = servers
        self._bug = bug

    def __getattr__(self, name: str) -> Any:
        return getattr(self._step, name)

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        outcome = await attempt(self._step.reconcile, self._bug.see(registry))
        return self._bug.act(self._servers, registry, outcome)


def planted(bug: Bug) -> Deployment:
    """Returns a deployment in which one step has the bug."""
    deployment = prepared()
    steps: list[Step] = [
        BuggyStep(step, deployment.servers, bug) if step.condition_type is bug.condition_type else step
        for step in deployment.reconciler._steps
    ]
    deployment.reconciler._steps = steps
    return deployment


def campaign(make: Callable[[], Deployment]) -> str:
    """Runs a few cases; returns the oracle that does not hold, or nothing."""
    try:
        for spec, case in CASES:
            trial = Trial(make)
            trial.deploy(spec)
            before = snapshot(trial.deployment)
            changed = trial.mutate(spec, case)
            trial.compare_with_fresh(changed)
            trial.roll_back(spec, before)
    except AlarmError as alarm:
        return alarm.oracle
    return ""


def test_an_operator_without_a_planted_bug_raises_no_alarm() -> None:
    assert campaign(prepared) == ""


def write_always(servers: Servers, registry: HarborRegistry, outcome: Outcome) -> Outcome:
    servers.kube.writes.append("write intra/other")
    return outcome


def drop(servers: Servers, registry: HarborRegistry, outcome: Outcome) -> Outcome:
    if registry.spec.database and registry.spec.database.connection_limit == 10:
        servers.postgres.changes.append(DropDatabase("registry", "registry"))
    return outcome


def remove_container(servers: Servers, registry: HarborRegistry, outcome: Outcome) -> Outcome:
    swift = registry.spec.storage and registry.spec.storage.swift
    if swift and swift.chunk_size_mib == 1:
        servers.swift.writes.append("remove container harbor")
    return outcome


def leak(servers: Servers, registry: HarborRegistry, outcome: Outcome) -> Outcome:
    return Done(f"logged in with {PASSWORDS['redis']}")


def crash(servers: Servers, registry: HarborRegistry, outcome: Outcome) -> Outcome:
    if registry.spec.cache and not registry.spec.cache.username:
        raise KeyError("username")
    return outcome


def anonymous(servers: Servers, registry: HarborRegistry, outcome: Outcome) -> Outcome:
    return outcome if isinstance(outcome, Done) else Blocked(Reason.CACHE_UNREACHABLE, "the server is wrong")


def stick() -> Act:
    """An error that stays after its cause is gone."""
    errors: list[Outcome] = []

    def act(servers: Servers, registry: HarborRegistry, outcome: Outcome) -> Outcome:
        if not isinstance(outcome, Done):
            errors.append(outcome)
        return errors[0] if errors else outcome

    return act


def change_section(registry: HarborRegistry, **changes: Any) -> HarborRegistry:
    """Returns the registry with other fields of `spec.pullSecrets`."""
    section = registry.spec.pull_secrets and registry.spec.pull_secrets.model_copy(update=changes)
    return registry.model_copy(update={"spec": registry.spec.model_copy(update={"pull_secrets": section})})


def ignore_name(registry: HarborRegistry) -> HarborRegistry:
    return change_section(registry, secret_name="harbor-pull")


def keep_hosts() -> Callable[[HarborRegistry], HarborRegistry]:
    """Hosts that were removed from the spec stay in the pull Secret."""
    hosts: set[str] = set()

    def see(registry: HarborRegistry) -> HarborRegistry:
        if registry.spec.pull_secrets:
            hosts.update(registry.spec.pull_secrets.extra_hosts)
        return change_section(registry, extra_hosts=sorted(hosts))

    return see


def accept_owner(servers: Servers, registry: HarborRegistry, outcome: Outcome) -> Outcome:
    """A missing validation: the database of another role is used as if it were the registry's own."""
    return Done("ready") if outcome.reason is Reason.DATABASE_OWNED_BY_OTHER else outcome


def leave_claims(servers: Servers, registry: HarborRegistry, outcome: Outcome) -> Outcome:
    """The Secrets of an earlier name stay."""
    for uid, desired in list(servers.injection.desired.items()):
        servers.injection.desired[f"{uid} {desired.claim.secret_name}"] = desired
    return outcome


BUGS = [
    Bug("a write in each pass", "liveness", ConditionType.CACHE, write_always),
    Bug("a database is dropped without a policy", "destruction", ConditionType.DATABASE, drop),
    Bug("a container is removed without a policy", "destruction", ConditionType.STORAGE, remove_container),
    Bug("a password in a message", "secrecy", ConditionType.CACHE, leak),
    Bug("an unexpected exception", "explanation", ConditionType.CACHE, crash),
    Bug("a message without a name", "explanation", ConditionType.CACHE, anonymous),
    Bug("the Secrets of an earlier name stay", "differential", ConditionType.PULL_SECRETS, leave_claims),
    Bug("an ignored field", "effect", ConditionType.PULL_SECRETS, see=ignore_name),
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Bug) -> None:
    assert campaign(lambda: planted(bug)) == bug.oracle


def test_an_error_that_stays_is_found() -> None:
    assert campaign(lambda: planted(Bug("", "", ConditionType.CACHE, stick()))) == "recovery"


def test_a_field_that_cannot_be_removed_is_found() -> None:
    assert campaign(lambda: planted(Bug("", "", ConditionType.PULL_SECRETS, see=keep_hosts()))) == "differential"


def test_a_missing_validation_is_found() -> None:
    case = next(case for case in semantic_cases() if case.name == "database: another owner")
    run_case(case, Trial())
    with pytest.raises(AlarmError) as alarm:
        run_case(case, Trial(lambda: planted(Bug("", "", ConditionType.DATABASE, accept_owner))))
    assert alarm.value.oracle == "readiness"


def test_a_missing_rule_of_the_schema_is_found() -> None:
    case = next(case for case in CASES if case[1].path == "database.connectionLimit")[1]
    refused = replace(case, value=-1).mutate(SEEDS[case.seed])
    assert difference("", refused, Answer(stored=None, causes=(("spec.database.connectionLimit", "too small"),))) == ""
    assert "only the model refuses it" in difference("", refused, Answer(stored=refused))


def test_a_write_while_suspended_is_found() -> None:
    assert campaign(writing_while_suspended) == "suspend"


def writing_while_suspended() -> Deployment:
    deployment = prepared()

    def suspend(_registry: HarborRegistry) -> None:
        deployment.servers.kube.writes.append("write intra/other")

    step = next(one for one in deployment.reconciler._steps if one.condition_type is ConditionType.PULL_SECRETS)
    step.suspend = suspend  # type: ignore[attr-defined]
    return deployment
