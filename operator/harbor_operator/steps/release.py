"""Release: the Helm release of the Harbor chart is what the spec says, and its workloads are ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from harbor_operator.api.v1alpha1 import DeletionPolicy, HarborRegistry
from harbor_operator.checks.release import failure_reason, foreign_release
from harbor_operator.checks.release_rights import DEFAULT_ACCOUNT, explain_failure
from harbor_operator.model.kubernetes import StoredSecret, Workload
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, ConditionType, Done, Facts, Outcome, Pending
from harbor_operator.model.release import Action, DesiredRelease, Revision, SecretGenerator, StoredRelease
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import redact
from harbor_operator.plan.helm_storage import (
    living_selector,
    read_payload,
    read_revisions,
    release_selector,
    revision_secret,
    unlock_patch,
    workload_selector,
)
from harbor_operator.plan.release import (
    ACTION_FOR,
    check_succession,
    determine_state,
    failures_in_a_row,
    plan_release,
    retry_delay,
)
from harbor_operator.ports import Refused
from harbor_operator.ports.helm import Helm
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.reasons import Reason
from harbor_operator.steps.release_secrets import ReleaseSecretStore

_LOOK_AGAIN = 3.0
_NAMED_WORKLOADS = 5
_UNINSTALL_SECONDS = 300


@dataclass(frozen=True, slots=True)
class _Seen:
    """The release as its Secrets tell it: the revisions that matter, and the newest in full."""

    revisions: list[Revision]
    newest: StoredSecret | None
    stored: StoredRelease | None

    @property
    def ever_deployed(self) -> bool:
        """Whether Harbor has run; before that, nothing is lost by a change of mind."""
        return any(revision.status in {"deployed", "superseded"} for revision in self.revisions)

    @property
    def facts(self) -> Facts:
        """What status reports about it."""
        if self.stored is None or self.revisions[-1].status != "deployed":
            return Facts()
        return Facts(self.stored.chart_version, self.stored.harbor_version, self.revisions[-1].number)


class ReleaseStep:
    """Installs and upgrades with Helm in the background; reads how far it is from Helm's Secrets and the workloads."""

    condition_type = ConditionType.RELEASE
    depends_on = (ConditionType.DATABASE, ConditionType.CACHE, ConditionType.STORAGE)

    def __init__(
        self, kube: NamespaceResources, helm: Helm, generator: SecretGenerator, clock: Callable[[], datetime]
    ) -> None:
        self._kube = kube
        self._helm = helm
        self._release_secrets = ReleaseSecretStore(kube, generator)
        self._clock = clock

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Brings the Secrets, then the release, then looks at the workloads."""
        release = registry.spec.release
        if release is None:
            return NOT_REQUESTED
        if running := await self._running(registry):
            return running
        release_secrets = await self._release_secrets.ensure(registry, release)
        if isinstance(release_secrets, Blocked):
            return release_secrets
        desired = plan_release(registry, release, release_secrets)
        if isinstance(desired, Blocked):
            return desired
        observed = await self._look(registry)
        return await self._act(registry, desired, observed)

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Uninstalls what is ours if the policy says so; pins and admin password stay as long as the database does."""
        if registry.spec.release is None:
            return NOT_REQUESTED
        name = names.release(registry)
        if registry.spec.deletion_policy.release is DeletionPolicy.RETAIN:
            return Done(f"Helm release '{name}' is kept: `spec.deletionPolicy.release` is 'Retain'")
        if self._helm.running(registry.metadata.namespace, name):
            return Pending(Reason.RELEASE_UNINSTALLING, f"Helm still works on release '{name}'", _LOOK_AGAIN)
        observed = await self._look(registry, release_selector(name))
        ours = bool(observed.revisions) and observed.revisions[-1].belongs_to(names.owner_labels(registry))
        if ours:
            return await self._uninstall(registry, name)
        left = await self._kube.read_workloads(registry.metadata.namespace, workload_selector(name))
        if left and not observed.revisions:
            listed = ", ".join(f"'{workload.name}'" for workload in left[:_NAMED_WORKLOADS])
            return Pending(Reason.RELEASE_UNINSTALLING, f"waiting for {listed} to go", _LOOK_AGAIN)
        keep = registry.spec.deletion_policy.database is DeletionPolicy.RETAIN
        await self._release_secrets.remove(registry, keep_generated=keep)
        return Done(_farewell(registry, keep=keep, foreign=bool(observed.revisions)))

    async def _running(self, registry: HarborRegistry) -> Pending | None:
        name = names.release(registry)
        progress = self._helm.running(registry.metadata.namespace, name)
        if progress is None:
            return None
        observed = await self._look(registry)
        reason = Reason.RELEASE_UPGRADING if observed.ever_deployed else Reason.RELEASE_INSTALLING
        return Pending(
            reason, f"Helm works on release '{name}' since {_time(progress.since)}", _LOOK_AGAIN, observed.facts
        )

    async def _look(self, registry: HarborRegistry, selector: str = "") -> _Seen:
        namespace, name = registry.metadata.namespace, names.release(registry)
        secrets = await self._kube.read_secrets(namespace, selector or living_selector(name))
        revisions = read_revisions((secret.name, secret.labels) for secret in secrets)
        if not revisions:
            return _Seen([], None, None)
        newest = next(s for s in secrets if s.name == revision_secret(name, revisions[-1].number))
        try:
            return _Seen(revisions, newest, read_payload(newest.values["release"]))
        except (KeyError, TypeError, ValueError) as error:
            raise Refused(
                Reason.SECRET_INVALID,
                f"Secret '{newest.name}' is not a release that Helm wrote: delete it, and the revision before counts",
            ) from error

    async def _act(self, registry: HarborRegistry, desired: DesiredRelease, observed: _Seen) -> Outcome:
        state = determine_state(observed.revisions, observed.stored, desired, names.owner_labels(registry))
        action = ACTION_FOR[state]
        match action:
            case Action.REFUSE:
                return foreign_release(desired.name, desired.namespace)
            case Action.UNLOCK:
                return await self._unlock(desired, observed)
            case Action.VERIFY:
                return await self._verify(desired, observed)
            case Action.INSTALL | Action.UPGRADE | Action.RETRY:
                return await self._upgrade(desired, observed)
        assert_never(action)

    async def _upgrade(self, desired: DesiredRelease, observed: _Seen) -> Outcome:
        if observed.ever_deployed and observed.stored and (finding := check_succession(observed.stored, desired)):
            return finding
        if hold := self._hold(desired, observed):
            return hold
        await self._helm.start_upgrade(desired)
        if observed.ever_deployed:
            message = f"Helm upgrades release '{desired.name}' to chart {desired.version}"
            return Pending(Reason.RELEASE_UPGRADING, message, _LOOK_AGAIN, observed.facts)
        message = f"Helm installs chart {desired.version} as release '{desired.name}'"
        return Pending(Reason.RELEASE_INSTALLING, message, _LOOK_AGAIN)

    def _hold(self, desired: DesiredRelease, observed: _Seen) -> Pending | None:
        """Returns the wait between a failure of this very wish and its retry; a changed wish is tried at once."""
        recorded = failures_in_a_row(observed.revisions, desired.digest)
        last, changed = (
            self._helm.result(desired.namespace, desired.name),
            observed.stored.changed_at if observed.stored else None,
        )
        heard = last if last and last.digest == desired.digest and not last.succeeded else None
        failed_at = heard.finished_at if heard else changed if recorded else None
        if failed_at is None:
            return None
        message = (
            heard.message if heard else redact(observed.stored.description if observed.stored else "", desired.secrets)
        )
        failures = max(recorded, heard.failures if heard else 0)
        due = failed_at + timedelta(seconds=retry_delay(failures))
        remaining = (due - self._clock()).total_seconds()
        if remaining <= 0:
            return None
        return Pending(
            failure_reason(message),
            f"Helm failed {failures} time(s) on release '{desired.name}', next try at {_time(due)}:"
            f" {explain_failure(message)}",
            remaining,
            observed.facts,
        )

    async def _unlock(self, desired: DesiredRelease, observed: _Seen) -> Outcome:
        """Clears the lock of a Helm run that is gone; ours would still be running, so anybody's may finish first."""
        newest, stored = observed.newest, observed.stored
        since = stored.changed_at if stored else None
        age = (self._clock() - since).total_seconds() if since else float(desired.timeout_seconds) + 1
        status = observed.revisions[-1].status
        if age <= desired.timeout_seconds or newest is None:
            return Pending(
                Reason.RELEASE_LOCKED,
                f"release '{desired.name}' is '{status}' since {_time(since)} by a Helm run that is not ours; the "
                "lock is"
                f" cleared after {desired.timeout_seconds} s (`spec.release.timeoutSeconds`)",
                min(10.0, desired.timeout_seconds - age + 1),
            )
        patch = unlock_patch(newest.values["release"])
        await self._kube.patch_secret(desired.namespace, newest.name, patch, newest.resource_version)
        return Pending(
            Reason.RELEASE_LOCKED,
            f"release '{desired.name}' was left '{status}'; its lock is cleared, it is tried again",
            0.5,
        )

    async def _verify(self, desired: DesiredRelease, observed: _Seen) -> Outcome:
        workloads = await self._kube.read_workloads(desired.namespace, workload_selector(desired.name))
        late = [workload for workload in workloads if not workload.is_ready]
        if late or not workloads:
            return Pending(Reason.WORKLOADS_NOT_READY, _describe(late, desired.name), _LOOK_AGAIN, observed.facts)
        facts = observed.facts
        return Done(
            f"chart {facts.chart_version} (Harbor {facts.harbor_version}) is deployed as revision"
            f" {facts.release_revision} of '{desired.name}', {len(workloads)} workloads are ready",
            facts=facts,
        )

    async def _uninstall(self, registry: HarborRegistry, name: str) -> Outcome:
        namespace = registry.metadata.namespace
        last = self._helm.result(namespace, name)
        if last and not last.digest and not last.succeeded:
            due = last.finished_at + timedelta(seconds=retry_delay(last.failures))
            remaining = (due - self._clock()).total_seconds()
            if remaining > 0:
                why = explain_failure(last.message)
                message = f"uninstalling Helm release '{name}' failed, next try at {_time(due)}: {why}"
                return Pending(failure_reason(last.message), message, remaining)
        release = registry.spec.release
        timeout = release.timeout_seconds if release else _UNINSTALL_SECONDS
        account = release.service_account_name if release else DEFAULT_ACCOUNT
        await self._helm.start_uninstall(namespace, name, account, timeout)
        return Pending(Reason.RELEASE_UNINSTALLING, f"Helm uninstalls release '{name}'", _LOOK_AGAIN)


def _time(moment: datetime | None) -> str:
    """Returns a moment rather than a duration: a message that changes by itself would rewrite the status each pass."""
    return moment.strftime("%H:%M:%S UTC") if moment else "an unknown time"


def _describe(late: list[Workload], name: str) -> str:
    if not late:
        return f"no Deployment or StatefulSet carries the label 'release={name}' yet"
    told = [
        f"{workload.kind} '{workload.name}': {workload.ready} of {workload.desired} ready"
        + (f" ({workload.trouble})" if workload.trouble else "")
        for workload in late[:_NAMED_WORKLOADS]
    ]
    more = len(late) - len(told)
    return "; ".join([*told, f"and {more} more"] if more else told)


def _farewell(registry: HarborRegistry, *, keep: bool, foreign: bool) -> str:
    name = names.release(registry)
    what = f"Helm release '{name}' " + ("belongs to somebody else and is left alone" if foreign else "is gone")
    if not keep:
        return f"{what}; the Secrets made for it are gone"
    generated = names.generated_secrets(registry)
    return f"{what}; Secret '{generated}' and the admin's password stay: the kept database cannot be read without them"
