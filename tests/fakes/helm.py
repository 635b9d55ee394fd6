"""Helm without a process: runs end when the test says so, and leave release Secrets as Helm writes them."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from typing_extensions import override

from harbor_operator.model.outcomes import Blocked, Unknown
from harbor_operator.model.release import DesiredRelease, ListedObject, Progress, RunResult
from harbor_operator.plan.helm_storage import chart_description, read_revisions, revision_secret
from harbor_operator.plan.release import unwrap_secrets
from harbor_operator.ports import Refused
from harbor_operator.ports.helm import Helm
from harbor_operator.reasons import Reason
from tests.fakes.kube import FakeKube

Key = tuple[str, str]

DESIRED_RELEASE = DesiredRelease(
    namespace="intra",
    name="cr",
    service_account="harbor-release",
    chart="harbor",
    repository="https://charts.example.com",
    version="1.19.1",
    values={},
    labels={},
    digest="digest",
    timeout_seconds=60,
    secrets=(),
)
"""What the tests change with `dataclasses.replace`."""


@dataclass
class _Run:
    digest: str
    started_at: datetime
    desired: DesiredRelease | None


class FakeHelm(Helm):
    """The Helm port in memory; `finish` ends a run, `write_revision` is Helm's own bookkeeping."""

    def __init__(self, kube: FakeKube, clock: Callable[[], datetime]) -> None:
        self.kube = kube
        self.started: list[str] = []
        self.missing_charts: set[str] = set()
        self.archive_digest = ""
        self.unreadable: set[ListedObject] = set()
        self.queued = False
        self._clock = clock
        self._runs: dict[Key, _Run] = {}
        self._results: dict[Key, RunResult] = {}

    @override
    async def start_upgrade(self, desired: DesiredRelease) -> None:
        if desired.chart in self.missing_charts:
            raise Refused(Reason.CHART_UNAVAILABLE, f"`spec.release.chart` names '{desired.chart}', which is not there")
        self._start("upgrade", (desired.namespace, desired.name), _Run(desired.digest, self._clock(), desired))

    @override
    async def start_uninstall(self, namespace: str, name: str, service_account: str, timeout_seconds: int) -> None:
        self._start("uninstall", (namespace, name), _Run("", self._clock(), None))

    @override
    async def find_unreadable(
        self, namespace: str, service_account: str, objects: Sequence[ListedObject]
    ) -> ListedObject | None:
        return next((listed for listed in objects if listed in self.unreadable), None)

    @override
    def running(self, namespace: str, name: str) -> Progress | None:
        run = self._runs.get((namespace, name))
        return Progress(run.started_at, run.digest, queued=self.queued) if run else None

    @override
    def result(self, namespace: str, name: str) -> RunResult | None:
        return self._results.get((namespace, name))

    def finish(
        self,
        namespace: str,
        name: str,
        error: str = "",
        *,
        recorded: bool = True,
        cause: Blocked | Unknown | None = None,
    ) -> None:
        """Ends the run; with an error it fails, and `recorded` says whether Helm got as far as its bookkeeping.

        A `cause` ends it before Helm has acted.
        """
        error, recorded = (cause.message, False) if cause else (error, recorded)
        run = self._runs.pop((namespace, name))
        last = self._results.get((namespace, name))
        before = last.failures if last and last.digest == run.digest else 0
        failures = before + 1 if error else 0
        self._results[namespace, name] = RunResult(
            run.digest,
            succeeded=not error,
            message=error,
            finished_at=self._clock(),
            failures=failures,
            reason=cause.reason if cause else None,
            is_refused=isinstance(cause, Blocked),
            access_digest=run.desired.access_digest if run.desired else "",
        )
        if run.desired is None:
            if not error:
                self._forget(namespace, name)
        elif recorded:
            status = "failed" if error else "deployed"
            done = chart_description(self.archive_digest) if self.archive_digest else "Upgrade complete"
            self.write_revision(run.desired, status, description=error or done)

    def interrupt(self, namespace: str, name: str) -> None:
        """Ends the run as after a restart of the operator: no result, no revision."""
        del self._runs[namespace, name]

    def write_revision(self, desired: DesiredRelease, status: str, **changes: Any) -> None:
        """Writes the next revision as Helm would; `changes` replace labels or the facts of the payload."""
        earlier = self._history(desired.namespace, desired.name)
        number = earlier[-1].number + 1 if earlier else 1
        labels = changes.pop("labels", dict(desired.labels))
        payload = release_payload(desired, status, self._clock(), number, **changes)
        for revision in earlier:
            if status == "deployed" and revision.status == "deployed":
                self._relabel(desired, revision.number, "superseded")
        own = {"owner": "helm", "name": desired.name, "status": status, "version": str(number)}
        self.kube.put(desired.namespace, revision_secret(desired.name, number), {"release": payload}, {**labels, **own})

    def _start(self, verb: str, key: Key, run: _Run) -> None:
        if key not in self._runs:
            self._runs[key] = run
            self.started.append(f"{verb} {'/'.join(key)}")

    def _history(self, namespace: str, name: str) -> list[Any]:
        mine = [s for (space, _), s in self.kube.secrets.items() if space == namespace and s.labels.get("name") == name]
        return read_revisions((secret.name, secret.labels) for secret in mine)

    def _relabel(self, desired: DesiredRelease, number: int, status: str) -> None:
        name = revision_secret(desired.name, number)
        old = self.kube.secrets[desired.namespace, name]
        values = {key: value.get_secret_value() for key, value in old.values.items()}
        self.kube.put(desired.namespace, name, values, {**old.labels, "status": status})

    def _forget(self, namespace: str, name: str) -> None:
        for revision in self._history(namespace, name):
            del self.kube.secrets[namespace, revision_secret(name, revision.number)]


def release_payload(desired: DesiredRelease, status: str, now: datetime, number: int, **changes: Any) -> str:
    """What the key `release` of a release Secret decodes to: base64 of gzipped JSON."""
    facts: Mapping[str, Any] = {
        "chart_version": desired.version,
        "config": unwrap_secrets(desired.values),
        "description": "",
        "manifest": "",
        "chart_name": "harbor",
        "defaults": {},
        "last_deployed": now.isoformat().replace("+00:00", ".123456789Z"),
        **changes,
    }
    release = {
        "name": desired.name,
        "namespace": desired.namespace,
        "version": number,
        "info": {
            "status": status,
            "description": facts["description"],
            "first_deployed": facts["last_deployed"],
            "last_deployed": facts["last_deployed"],
        },
        "chart": {
            "metadata": {"name": facts["chart_name"], "version": facts["chart_version"], "appVersion": "2.15.1"},
            "values": facts["defaults"],
        },
        "config": facts["config"],
        "manifest": facts["manifest"],
    }
    return base64.b64encode(gzip.compress(json.dumps(release).encode(), mtime=0)).decode()
