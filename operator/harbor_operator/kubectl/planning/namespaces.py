"""The namespaces that get the pull Secret: the injector's own claims and plan, followed to their end."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from typing_extensions import override

from harbor_operator.adapters.kube_objects import OBJECTS, PartialObject
from harbor_operator.adapters.kube_pull_secrets import read_object
from harbor_operator.checks.catalogue.search import problems
from harbor_operator.injector.claims import ClaimRegistry
from harbor_operator.kubectl.cluster import Cluster
from harbor_operator.kubectl.errors import RequestError
from harbor_operator.kubectl.plan import Action
from harbor_operator.kubectl.planning.recorder import Recorder
from harbor_operator.model.injection import Action as Write
from harbor_operator.model.injection import (
    ApplySecret,
    Claim,
    ClaimStatus,
    DeleteSecret,
    DesiredInjection,
    NamespaceClaim,
    PatchServiceAccount,
    RemainingNamespaces,
)
from harbor_operator.model.namespace import (
    NamespaceState,
    ObservedNamespace,
    ObservedSecret,
    ObservedServiceAccount,
)
from harbor_operator.model.outcomes import PullSecretFacts
from harbor_operator.model.watch import Source
from harbor_operator.plan.injection import plan_namespace
from harbor_operator.ports import Unavailable
from harbor_operator.ports.injection import PullSecretInjection
from harbor_operator.reasons import Reason

MAX_LISTED_NAMESPACES = 10
_PAGE = "500"
_MAX_ROUNDS = 8
"""A Secret is deleted, created and referred to in three rounds at most."""


class PlannedInjection(PullSecretInjection):
    """Takes the desired injection, and reads the namespaces that it concerns."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._claims = ClaimRegistry()
        self._states: dict[str, NamespaceState] = defaultdict(NamespaceState)
        self._known: set[Source] = set()

    @override
    def declare(self, desired: DesiredInjection) -> None:
        self._claims.declare(desired)

    @override
    def withdraw(self, claim: Claim) -> None:
        self._claims.withdraw(claim)

    @override
    def abandon(self, registry_uid: str) -> None:
        self._claims.abandon(registry_uid)

    @override
    def expect_policy_effect(self, registry_uid: str, *, attached: bool) -> None:
        """Does nothing: no account is created in a plan."""

    @override
    def holder(self, secret_name: str) -> str | None:
        return self._claims.holder(secret_name)

    @override
    def ready_namespaces(self, claim: Claim) -> list[ObservedNamespace]:
        return []

    @override
    def remaining(self, claim: Claim) -> int | None:
        return 0  # so that the step goes on to the robot

    @override
    def remaining_in(self, claim: Claim) -> RemainingNamespaces:
        return RemainingNamespaces()

    @override
    def declared(self, registry_uid: str) -> DesiredInjection | None:
        return self._claims.desired(registry_uid)

    @override
    async def wait_for_sync(self, claim: Claim, timeout_seconds: float) -> None:
        await self._load()

    @override
    def read(self, claim: Claim) -> PullSecretFacts | None:
        statuses = [
            status
            for state, claims in self._claimed()
            for status in plan_namespace(state, claims).statuses
            if status.uid == claim.registry_uid
        ]
        ready = sum(status.ready for status in statuses)
        failed = sum(status.reason is not None for status in statuses)
        return PullSecretFacts(len(statuses), ready, failed)

    async def record(self, recorder: Recorder) -> None:
        """Records what is written in how many namespaces, and the first of them."""
        await self._load()
        report = _Report()
        for state, claims in self._claimed():
            report.add(state, claims)
        report.record(recorder)

    async def _load(self) -> None:
        self._claims.refresh(lambda _: True)
        for source in self._claims.sources() - self._known:
            for item in await asyncio.to_thread(self._list, source):
                self._put(read_object(source.kind, item))
            self._known.add(source)

    def _put(self, found: ObservedNamespace | ObservedSecret | ObservedServiceAccount) -> None:
        state = self._states[found.namespace]
        match found:
            case ObservedNamespace():
                state.observed = found
            case ObservedSecret():
                state.secrets[found.name] = found
            case ObservedServiceAccount():
                state.accounts[found.name] = found

    def _list(self, source: Source) -> list[PartialObject]:
        selector = {"fieldSelector": f"metadata.name={source.name}"} if source.name else {}
        items: list[PartialObject] = []
        token = ""
        try:
            while True:
                query = {"limit": _PAGE, **selector, **({"continue": token} if token else {})}
                page = OBJECTS.page(self._cluster.read(f"/api/v1/{source.kind}", **query))
                items += page.items or []
                token = page.metadata.continue_token
                if not token:
                    return items
        except RequestError as error:
            raise Unavailable(f"the {source.kind} of the cluster: {error}") from None

    def _claimed(self) -> Iterator[tuple[NamespaceState, list[NamespaceClaim]]]:
        self._claims.refresh(lambda _: True)
        for _, state in sorted(self._states.items()):
            if state.observed is not None:
                yield state, self._claims.claims(state.observed)


class _Report:
    """Namespaces by what happens in them."""

    def __init__(self) -> None:
        self._writes: dict[tuple[Action, str], list[str]] = defaultdict(list)

        self._waiting: list[str] = []
        self._unobserved: list[str] = []
        self._kept: list[str] = []
        self._failed: dict[Reason, list[tuple[str, ClaimStatus]]] = defaultdict(list)

    def add(self, state: NamespaceState, claims: Sequence[NamespaceClaim]) -> None:
        """Follows the plan of a namespace to its end; `state` is not changed."""
        name = state.observed.name if state.observed else ""
        plan = plan_namespace(state, claims)
        if plan.waiting:
            has_secret = any(claim.waits and claim.secret_name in state.secrets for claim in claims)
            (self._unobserved if has_secret else self._waiting).append(name)
            return
        writes = _all_writes(state, claims)
        for write, action in writes.items():
            self._writes[action, write].append(name)
        for status in plan.statuses:
            if status.reason is not None:
                self._failed[status.reason].append((name, status))
            elif not writes:
                self._kept.append(name)

    def record(self, recorder: Recorder) -> None:
        """Adds the lines."""
        for (action, what), names in sorted(self._writes.items()):
            recorder.record(action, f"{what} in {_count(names)}", _listed(names))
        if self._waiting:
            recorder.record(Action.CREATE, f"robot and pull Secret of {_count(self._waiting)}", _listed(self._waiting))
        if self._unobserved:
            text = f"whether the robot and the content of the pull Secret change in {_count(self._unobserved)}"
            recorder.record(Action.UNOBSERVED, text, _listed(self._unobserved))
        if self._kept:
            recorder.record(Action.KEEP, f"pull Secret and references in {_count(self._kept)}")
        for reason, found in self._failed.items():
            names = [name for name, _ in found]
            problem = problems().get(reason)
            text = f"{_count(names)} ({', '.join(_listed(names))}): {found[0][1].message}"
            recorder.conflict(reason, text, problem.remedy if problem else "")


def _all_writes(state: NamespaceState, claims: Sequence[NamespaceClaim]) -> Mapping[str, Action]:
    """Returns what is created, changed or removed in the namespace once no write is left."""
    found: dict[str, Action] = {}
    left = NamespaceState(state.observed, dict(state.secrets), dict(state.accounts))
    for _ in range(_MAX_ROUNDS):
        writes = plan_namespace(left, claims).actions
        if not writes:
            break
        for write in writes:
            what = f"Secret '{write.name}'"
            if isinstance(write, PatchServiceAccount):
                what = f"`imagePullSecrets` of ServiceAccount '{write.name}'"
            found[what] = _action(write) if what not in found else Action.CHANGE
            _apply(left, claims, write)
    return found


def _action(write: Write) -> Action:
    match write:
        case ApplySecret():
            return Action.CHANGE if write.replaces else Action.CREATE
        case DeleteSecret():
            return Action.CHANGE if write.recreate else Action.REMOVE
        case PatchServiceAccount():
            return Action.CHANGE


def _apply(state: NamespaceState, claims: Sequence[NamespaceClaim], write: Write) -> None:
    """Changes the state as the write would."""
    namespace = state.observed.name if state.observed else ""
    match write:
        case ApplySecret():
            claim = next(one for one in claims if (one.uid, one.secret_name) == (write.uid, write.name))
            state.secrets[write.name] = ObservedSecret(
                namespace, write.name, "planned", 0, claim.uid, claim.registry, claim.digest, labelled=True
            )
        case DeleteSecret():
            del state.secrets[write.name]
        case PatchServiceAccount():
            state.accounts[write.name] = write.account


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} namespace{'' if len(names) == 1 else 's'}"


def _listed(names: Sequence[str]) -> Iterable[str]:
    yield from names[:MAX_LISTED_NAMESPACES]
    if len(names) > MAX_LISTED_NAMESPACES:
        yield f"and {len(names) - MAX_LISTED_NAMESPACES} more"
