"""A release step with the Secrets, the Helm and the clock that it uses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from harbor_operator.api.request_annotations import BACKUP_COMPLETED_AT
from harbor_operator.model.kubernetes import Workload
from harbor_operator.model.outcomes import Blocked, Outcome, Pending, Unknown
from harbor_operator.model.release import DesiredRelease
from harbor_operator.plan import names
from harbor_operator.plan.release import plan_release
from harbor_operator.steps.release import ReleaseStep
from tests.fakes.helm import FakeHelm
from tests.fakes.kube import FakeKube
from tests.fakes.postgres import FakePostgres
from tests.fakes.release import CACHE_PASSWORD, DATABASE_PASSWORD, NAMESPACE, STORAGE_PASSWORD, generator, registry

READY = [Workload("Deployment", "cr-harbor-core", 1, 1, 1, observed=True)]

CR_CA = "-----BEGIN CERTIFICATE-----\nCR\n-----END CERTIFICATE-----\n"
S3_CA = "-----BEGIN CERTIFICATE-----\nS3\n-----END CERTIFICATE-----\n"


class ReleaseFixture:
    """A registry that uses external servers; `finish` ends the Helm run that the step has started."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 1, 12, tzinfo=UTC)
        self.kube = FakeKube()
        self.helm = FakeHelm(self.kube, lambda: self.now)
        self.postgres = FakePostgres()
        self.step = ReleaseStep(self.kube, self.postgres, self.helm, generator(), lambda: self.now)
        self.registry = registry()
        self.kube.put(NAMESPACE, "redis", {"password": CACHE_PASSWORD})
        self.kube.put(NAMESPACE, "swift", {"username": "harbor:registry", "password": STORAGE_PASSWORD})
        self.kube.put(NAMESPACE, "s3-ca", {"ca.crt": S3_CA})
        self.kube.put(NAMESPACE, "cr-ca", {"ca.crt": CR_CA})
        login = {"username": "harbor_intra_cr", "password": DATABASE_PASSWORD}
        self.kube.put(NAMESPACE, names.database_secret(self.registry), login, names.owner_labels(self.registry))

    async def reconcile(self) -> Outcome:
        return await self.step.reconcile(self.registry)

    async def teardown(self) -> Outcome:
        return await self.step.teardown(self.registry)

    def spec(self, version: str = "1.19.1", **spec: Any) -> None:
        self.registry = registry(version, **spec)

    def upgrade(self, version: str, **release: Any) -> None:
        """Asks for another chart version, with a backup of the running one."""
        self.spec(release={"version": version, "allowUpgradeTo": version, **release})
        self.backup(self.now + timedelta(seconds=1))

    def backup(self, completed_at: datetime) -> None:
        """Confirms a backup; the next call of `spec` forgets it."""
        annotations = {BACKUP_COMPLETED_AT: completed_at.isoformat()}
        metadata = self.registry.metadata.model_copy(update={"annotations": annotations})
        self.registry = self.registry.model_copy(update={"metadata": metadata})

    def finish(self, error: str = "", *, recorded: bool = True, cause: Blocked | Unknown | None = None) -> None:
        self.helm.finish(NAMESPACE, "cr", error, recorded=recorded, cause=cause)

    def workloads(self, *workloads: Workload) -> None:
        self.kube.workloads[NAMESPACE, "release=cr"] = list(workloads)

    async def desired(self) -> DesiredRelease:
        assert self.registry.spec.release
        found = await self.step._release_secrets.read(self.registry, self.registry.spec.release)
        assert not isinstance(found, Blocked)
        release_secrets = await self.step._release_secrets.ensure(self.registry, self.registry.spec.release, found)
        made = plan_release(self.registry, self.registry.spec.release, release_secrets)
        assert isinstance(made, DesiredRelease)
        return made

    def revisions(self) -> list[str]:
        return [name for _, name in self.kube.secrets if name.startswith("sh.helm")]

    async def deployed(self) -> None:
        await self.reconcile()
        self.finish()
        self.workloads(*READY)


async def torn_down(release: ReleaseFixture) -> Outcome:
    for _ in range(5):
        outcome = await release.teardown()
        if not isinstance(outcome, Pending):
            return outcome
        if release.helm.running(NAMESPACE, "cr"):
            release.finish()
            release.workloads()
    raise AssertionError(outcome)
