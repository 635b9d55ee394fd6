"""One HarborRegistry through deletions and returns: its steps and adapters on real servers, and what it holds there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from harbor_operator.adapters.helm import SubprocessHelm
from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.secrets import SECRET_GENERATOR
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import ConditionType, Done, Outcome, Pending
from harbor_operator.plan import names
from harbor_operator.plan.helm_storage import release_selector
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps import Step
from harbor_operator.steps.attempt import attempt
from harbor_operator.steps.database import DatabaseStep
from harbor_operator.steps.release import ReleaseStep
from harbor_operator.steps.storage import StorageStep, Stores
from harbor_operator.teardown import teardown_steps
from lab.postgres import Postgres
from lab.process import scaled
from tests.contract.helm_fixture import DEADLINE, ended, now
from tests.contract.image_places import ImagePlace

NAMESPACE = "retained"
ROW = "kept"


@dataclass(frozen=True)
class Held:
    """What exists of a registry: revisions of its release, rows of its database, images, and generated Secrets."""

    revisions: list[str]
    rows: list[str]
    images: list[str]
    secrets: dict[str, dict[str, str]]


class Cluster:
    """The operator's steps for data in one cluster, in their order; without Helm there is no release."""

    def __init__(self, identity: str, kube: NamespaceResources, helm: SubprocessHelm | None = None) -> None:
        self.identity = identity
        self.kube = kube
        self.helm = helm
        postgres, stores = PsycopgPostgres(), Stores(SwiftObjectStore(), HttpS3Store(), HttpRgwAdmin())
        self.steps: tuple[Step, ...] = (
            DatabaseStep(kube, postgres, self._make_password),
            StorageStep(kube, stores, self._make_password, postgres),
        )
        if helm:
            self.steps += (ReleaseStep(kube, postgres, helm, SECRET_GENERATOR, now),)

    async def reconcile(self, registry: HarborRegistry) -> dict[ConditionType, Outcome]:
        """As many passes as it takes; a step whose dependencies are not Done does not run."""
        async with asyncio.timeout(scaled(DEADLINE)):
            while True:
                outcomes: dict[ConditionType, Outcome] = {}
                for step in self.steps:
                    wanted = [outcomes[need] for need in step.depends_on if need in outcomes]
                    if all(isinstance(outcome, Done) for outcome in wanted):
                        outcomes[step.condition_type] = await attempt(step.reconcile, registry)
                if self.helm is None or not self.helm.running(NAMESPACE, names.release(registry)):
                    return outcomes
                await ended(self.helm, names.release(registry), NAMESPACE)

    async def teardown(self, registry: HarborRegistry) -> None:
        """As many passes as it takes."""
        async with asyncio.timeout(scaled(DEADLINE)):
            while (result := await teardown_steps(self.steps, registry, _never)).remaining:
                assert all(isinstance(outcome, Done | Pending) for outcome in result.outcomes.values()), result
                if self.helm:
                    await ended(self.helm, names.release(registry), NAMESPACE)
                await asyncio.sleep(0.05)

    @staticmethod
    def _make_password() -> SecretStr:
        return SECRET_GENERATOR.password(32)


@dataclass
class RetainedFixture:
    """A registry with the data of its own; `uid` changes when it is created again."""

    server: Postgres
    place: ImagePlace
    name: str
    chart: str
    uid: str = "uid-1"

    @property
    def database(self) -> str:
        return f"core_{self.name.replace('-', '_')}"

    @property
    def secrets(self) -> dict[str, dict[str, str]]:
        """The Secrets that the spec names."""
        admin = {"username": self.server.provisioner_user, "password": self.server.provisioner_password}
        return {**self.place.secrets, "pg-admin": admin, "pg-ca": {"ca.crt": self.server.ca_path.read_text()}}

    def registry(self, cluster: Cluster, policy: dict[str, str] | None = None, **storage: Any) -> HarborRegistry:
        """The registry as it is in a cluster; keyword arguments belong to the section of its storage."""
        database = {
            "host": self.server.host,
            "port": self.server.port,
            "caSecretRef": {"name": "pg-ca"},
            "adminSecretRef": {"name": "pg-admin"},
            "connectionLimit": 10,
            "names": {"core": self.database},
        }
        spec = {
            "externalURL": "https://cr.example.com",
            "release": {"version": "1.19.1", "chart": self.chart},
            "database": database,
            "storage": self.place.section(**storage),
            "deletionPolicy": policy or {},
        }
        uid = f"{cluster.identity}-{self.uid}"
        metadata = {"name": self.name, "namespace": NAMESPACE, "uid": uid}
        return HarborRegistry.parse({"metadata": metadata, "spec": spec}, cluster.identity)

    async def fill(self, cluster: Cluster) -> None:
        """Writes what Harbor and its registry would: a table with a row, and a layer."""
        await self.put_row(cluster)
        await self.place.put_image()

    async def put_row(self, cluster: Cluster) -> None:
        """Writes the table with its row, as Harbor or the restoration of a dump does."""
        secret = await cluster.kube.read_secret(NAMESPACE, names.database_secret(self.registry(cluster)))
        assert secret is not None
        login = {key: value.get_secret_value() for key, value in secret.values.items()}
        with self.server.connect(login["username"], login["password"], dbname=self.database) as connection:
            connection.execute("CREATE TABLE harbor_user (username text)")
            connection.execute("INSERT INTO harbor_user VALUES (%s)", [ROW])

    async def held(self, cluster: Cluster) -> Held:
        """Reads everything past the steps."""
        registry = self.registry(cluster)
        revisions = await cluster.kube.read_secrets(NAMESPACE, release_selector(names.release(registry)))
        generated = [names.database_secret(registry), *names.data_secrets(registry)]
        return Held(
            [secret.name for secret in revisions],
            self._rows(),
            [*await self.place.images()],
            await _values(cluster.kube, generated),
        )

    def _rows(self) -> list[str]:
        if (self.database,) not in self.server.query("SELECT datname FROM pg_database"):
            return []
        if not self.server.query("SELECT 1 FROM pg_tables WHERE tablename = 'harbor_user'", dbname=self.database):
            return []
        return [name for (name,) in self.server.query("SELECT username FROM harbor_user", dbname=self.database)]


async def _values(kube: NamespaceResources, secrets: Sequence[str]) -> dict[str, dict[str, str]]:
    found = {name: await kube.read_secret(NAMESPACE, name) for name in secrets}
    return {
        name: {key: value.get_secret_value() for key, value in secret.values.items()}
        for name, secret in found.items()
        if secret
    }


async def _never(registry: HarborRegistry, outcome: Outcome) -> bool:
    """Nothing is abandoned."""
    return False
