"""Reads what another injector left, plans each namespace, and executes the plan in three phases over all namespaces.

Every phase reads a namespace again before it writes there, and plans it again: a write never follows from an
observation of an earlier phase. Each write also carries the revision that it was planned for.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from pydantic import SecretStr

from harbor_operator.model.migration import (
    AdoptSecret,
    MigratedSecret,
    MigrationAction,
    MigrationReport,
    MigrationStep,
    MigrationTarget,
    NamespaceFindings,
    StepReport,
    StepResult,
    Tool,
)
from harbor_operator.model.namespace import ObservedNamespace, ObservedServiceAccount
from harbor_operator.plan.migration import plan_migration, policies_of
from harbor_operator.plan.migration_tools import find_marks, find_running
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.migration import MigrationApi
from harbor_operator.ports.pull_secrets import PullSecretApi

MAX_CONCURRENT_NAMESPACES = 16
_NAMESPACE = "Namespace"
_PHASES = (MigrationAction.ADOPT, MigrationAction.REMOVE_REFERENCE, MigrationAction.DELETE)

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class MigrationRequest:
    """What the user asked for; `docker_config` is the registry's content, None while that is not known."""

    tool: Tool
    target: MigrationTarget
    docker_config: SecretStr | None
    remove_doubles: bool = False


class Migrator:
    """Plans and executes one migration; `accounts` patches service accounts as the injector does."""

    def __init__(
        self, api: MigrationApi, accounts: PullSecretApi, request: MigrationRequest, warn: Callable[[str], None]
    ) -> None:
        """`warn` is called as soon as a warning is known, before the first write; the report repeats it."""
        self._api = api
        self._accounts = accounts
        self._request = request
        self._show = warn
        self._warnings: list[str] = []

    async def plan(self) -> MigrationReport:
        """Returns the steps without a write."""
        found = await self._scan()
        await self._find_running(found)
        return self._report([StepReport(step, StepResult.PLANNED) for each in found for step in self._plan(each)])

    async def apply(self) -> MigrationReport:
        """Executes adoptions in every namespace, then removes references, then deletes; returns what became of them."""
        found = await self._scan()
        await self._find_running(found)
        done: list[StepReport] = []
        for phase in _PHASES if self._request.remove_doubles else _PHASES[:1]:
            unreadable = {report.step.namespace for report in done if report.step.kind == _NAMESPACE}
            names = [each.namespace.name for each in found if self._concerns(phase, each)]
            for reports in await _map(
                [name for name in names if name not in unreadable], partial(self._execute, phase)
            ):
                done += reports
        try:
            left = await self._scan()
        except (Refused, Unavailable) as error:
            self._warn(f"what was done could not be read again: {error}; repeat the command")
            return self._report(done, is_verified=False)
        done = _mark_rewritten(done, left)
        if again := [report.step for report in done if report.result is StepResult.REVERTED]:
            tool, first = self._request.tool, f"{again[0].namespace}/{again[0].name}"
            self._warn(
                f"{tool} has written {len(again)} adopted Secrets again, first '{first}': stop {tool}, then repeat"
            )
        kept = (step for each in left for step in self._plan(each) if step.action is MigrationAction.KEEP)
        return self._report([*done, *(StepReport(step, StepResult.PLANNED) for step in kept)])

    def _warn(self, text: str) -> None:
        self._warnings.append(text)
        self._show(text)

    def _report(self, steps: Sequence[StepReport], *, is_verified: bool = True) -> MigrationReport:
        ordered = tuple(sorted(steps, key=lambda report: (report.step.namespace, _order(report.step))))
        return MigrationReport(
            self._request.tool, self._request.target.key, ordered, tuple(self._warnings), is_verified=is_verified
        )

    def _concerns(self, phase: MigrationAction, found: NamespaceFindings) -> bool:
        """Whether the phase can have something to do in the namespace."""
        own = self._request.target.secret_name
        is_adoption = phase is MigrationAction.ADOPT
        return any((secret.metadata.name == own) is is_adoption for secret in found.marked)

    def _plan(self, found: NamespaceFindings) -> tuple[MigrationStep, ...]:
        request = self._request
        return plan_migration(request.tool, request.target, found, remove_doubles=request.remove_doubles)

    async def _execute(self, phase: MigrationAction, namespace: str) -> list[StepReport]:
        try:
            found = await self._read(namespace)
        except (Refused, Unavailable) as error:
            step = MigrationStep(namespace, _NAMESPACE, namespace, "", MigrationAction.KEEP, "it cannot be read")
            return [StepReport(step, StepResult.FAILED, str(error))]
        steps = self._plan(found) if found is not None else ()
        chosen = [step for step in steps if step.action is phase]
        if phase is MigrationAction.DELETE and any(step.action is MigrationAction.REMOVE_REFERENCE for step in steps):
            # A reference was not removed, or has come back: its Secret stays until the next run.
            return [StepReport(step, StepResult.CHANGED) for step in chosen]
        return [await self._write(step) for step in chosen]

    async def _write(self, step: MigrationStep) -> StepReport:
        try:
            is_done = await self._send(step)
        except (Refused, Unavailable) as error:
            return StepReport(step, StepResult.FAILED, str(error))
        return StepReport(step, StepResult.DONE if is_done else StepResult.CHANGED)

    async def _send(self, step: MigrationStep) -> bool:
        match step.write:
            case None:
                return True
            case AdoptSecret() as adoption:
                return await self._api.adopt_secret(adoption, self._request.docker_config)
            case ObservedServiceAccount() as account:
                return await self._accounts.patch_account(account) is not None
            case deletion:
                return await self._api.delete_secret(deletion)

    async def _scan(self) -> list[NamespaceFindings]:
        """Returns the namespaces with marked Secrets, by name."""
        namespaces = {each.name: each async for each in self._api.list_namespaces()}
        marked: dict[str, list[str]] = defaultdict(list)
        async for secret in self._api.list_secrets():
            if find_marks(self._request.tool, secret) is not None:
                marked[secret.namespace].append(secret.name)
        wanted = [(namespaces[name], secrets) for name, secrets in sorted(marked.items()) if name in namespaces]
        return await _map(wanted, lambda each: self._findings(each[0], each[1]))

    async def _read(self, namespace: str) -> NamespaceFindings | None:
        """Reads one namespace again; None if it is gone."""
        observed = await self._api.read_namespace(namespace)
        if observed is None:
            return None
        names = [
            secret.name
            async for secret in self._api.list_secrets(namespace)
            if find_marks(self._request.tool, secret) is not None
        ]
        return await self._findings(observed, names)

    async def _findings(self, namespace: ObservedNamespace, secrets: Sequence[str]) -> NamespaceFindings:
        name, own_name = namespace.name, self._request.target.secret_name
        read = [await self._api.read_secret(name, secret) for secret in secrets]
        marked = tuple(secret for secret in read if secret is not None)
        found = NamespaceFindings(namespace, marked)
        doubles = {secret.metadata.name for secret in marked} - {own_name}
        if not doubles:
            return found
        accounts = [
            account
            async for account in self._api.list_accounts(name)
            if account.oversized or doubles & set(account.references)
        ]
        pods = [pod async for pod in self._api.list_pods(name) if doubles & set(pod.references)]
        own = await self._api.read_secret(name, own_name)
        return replace(found, own=own, accounts=tuple(accounts), pods=tuple(pods))

    async def _find_running(self, found: Sequence[NamespaceFindings]) -> None:
        tool = self._request.tool
        try:
            workloads = [workload async for workload in self._api.list_workloads()]
        except Refused as error:
            self._warn(f"it is not known whether {tool} still runs: {error}")
            return
        if running := find_running(tool, workloads):
            self._warn(_still_running(tool, running, policies_of(tool, found)))


def _still_running(tool: Tool, running: Sequence[str], policies: Sequence[str]) -> str:
    where = ", ".join(f"'{name}'" for name in running)
    if tool is Tool.KYVERNO:
        which = ", ".join(f"'{policy}'" for policy in policies) or "that generates the Secret"
        return (
            f"Kyverno runs (Deployment {where}) and writes again what its policies synchronize: before `--apply`, set "
            f"`synchronize: false` in the policy {which}; Kyverno itself can keep running"
        )
    return (
        f"{tool} still runs (Deployment {where}) and would write its Secrets again: scale it to 0 before `--apply`, "
        "and do not uninstall it before the migration has ended"
    )


def _mark_rewritten(done: Iterable[StepReport], left: Iterable[NamespaceFindings]) -> list[StepReport]:
    """Returns the reports, with another result for a Secret that carries the marks again that this run removed."""
    marked = {_key(secret) for each in left for secret in each.marked}
    return [
        replace(report, result=StepResult.REVERTED)
        if report.result is StepResult.DONE
        and report.step.action is MigrationAction.ADOPT
        and (report.step.namespace, report.step.name) in marked
        else report
        for report in done
    ]


def _key(secret: MigratedSecret) -> tuple[str, str]:
    return secret.metadata.namespace, secret.metadata.name


def _order(step: MigrationStep) -> int:
    return list(MigrationAction).index(step.action)


async def _map(items: Iterable[ItemT], work: Callable[[ItemT], Awaitable[ResultT]]) -> list[ResultT]:
    """Returns the results in order, with a bounded number of items in work at once."""
    limit = asyncio.Semaphore(MAX_CONCURRENT_NAMESPACES)

    async def run(item: ItemT) -> ResultT:
        async with limit:
            return await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(item)) for item in items]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
