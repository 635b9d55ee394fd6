"""The release as `doctor` checks it: the operator's step without Helm, the source of the chart, and the rights of Helm.

It needs the whole package, so `doctor` imports it only when it runs.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from typing_extensions import override

from harbor_operator.adapters import secrets
from harbor_operator.adapters.chart_pull import ChartPuller
from harbor_operator.adapters.helm_charts import RemoteChart, load_chart, locate_chart
from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.api.v1alpha1 import HarborRegistry, Release
from harbor_operator.checks.release_rights import account_right_missing, service_account_missing
from harbor_operator.kubectl.cluster import Cluster
from harbor_operator.kubectl.dry_run import DryRunPostgres, WouldChange
from harbor_operator.kubectl.errors import RequestError
from harbor_operator.kubectl.operator_settings import OperatorSettings
from harbor_operator.kubectl.planning.recorder import PlanEnds, Recorder
from harbor_operator.kubectl.planning.releases import PlannedHelm
from harbor_operator.kubectl.planning.resources import PlannedResources
from harbor_operator.kubectl.rendered import plan_with_placeholders
from harbor_operator.model.database import LoginResult, ObservedLogin, PostgresLogin, PostgresServer
from harbor_operator.model.outcomes import Blocked, Done, Outcome, Unknown
from harbor_operator.model.release import DesiredRelease
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import PASSWORD_LENGTH
from harbor_operator.ports import Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.release import ReleaseStep
from harbor_operator.steps.release_secrets import read_repository_access

NEEDED = (
    ("", "secrets", ("get", "list", "create", "update", "delete")),
    ("", "configmaps", ("get", "create", "patch", "delete")),
    ("", "services", ("get", "create", "patch", "delete")),
    ("apps", "deployments", ("get", "create", "patch", "delete")),
)
"""What Helm needs for every release of the chart: group, resource, verbs. Other kinds depend on the values."""


class ReleaseChecks:
    """Each check reads only; a review of rights is a question that the API server does not store."""

    def __init__(self, cluster: Cluster, settings: OperatorSettings, clock: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._settings = settings
        self._clock = clock
        self._recorder = Recorder(partial(secrets.make_password, PASSWORD_LENGTH))
        self._kube = PlannedResources(cluster, self._recorder)

    async def check_step(self, registry: HarborRegistry) -> Outcome:
        """Returns how the operator's step ends: the values, the stored release, and the data that it would use."""
        planned = plan_with_placeholders(registry, _release(registry))
        if isinstance(planned, Blocked):
            return planned  # before the Secrets, because a missing one would hide it
        await self._assume_logins(registry)
        helm, postgres = PlannedHelm(), _Postgres(self._recorder)
        try:
            outcome = await ReleaseStep(self._kube, postgres, helm, secrets.SECRET_GENERATOR, self._clock).reconcile(
                registry
            )
        except PlanEnds:
            raise WouldChange("the checks passed; the operator would now mark the stored release") from None
        if helm.desired is None:
            return outcome
        name = f"{helm.desired.namespace}/{helm.desired.name}"
        raise WouldChange(f"the checks passed; the operator would now install or upgrade Helm release '{name}'")

    async def check_chart(self, registry: HarborRegistry) -> Outcome:
        """Returns Done if the source of the chart is allowed and has the version of the spec."""
        release = _release(registry)
        desired = DesiredRelease(
            namespace=registry.metadata.namespace,
            name=names.release(registry),
            service_account=release.service_account_name,
            chart=release.chart,
            repository=release.repository,
            version=release.version,
            values={},
            labels={},
            digest="",
            timeout_seconds=release.timeout_seconds,
            secrets=(),
            chart_digest=release.digest,
            repository_access=await read_repository_access(self._kube, registry, release),
        )
        settings = self._settings
        located = locate_chart(settings.charts_dir, settings.chart_sources, desired)
        if isinstance(located, RemoteChart):
            helm = shutil.which(settings.helm)
            if helm is None:
                text = f"there is no `{settings.helm}` on PATH, so the source of the chart was not tried: install it"
                return Unknown(Reason.CHART_UNAVAILABLE, text)
            with tempfile.TemporaryDirectory(prefix="kubectl-harbor-") as home:
                await ChartPuller(helm, Path(home), settings.helm_environment).pull(located, desired, lambda _: None)
        else:
            load_chart(located, desired)
        return Done(f"chart '{release.chart}' of version {release.version} is available")

    async def check_account(self, registry: HarborRegistry) -> Outcome:
        """Returns Done if the account that Helm acts as exists, and has the rights that every release needs."""
        namespace, account = registry.metadata.namespace, _release(registry).service_account_name
        if await self._kube.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}") is None:
            return service_account_missing(namespace, account)
        for group, resource, verbs in NEEDED:
            for verb in verbs:
                if not await self._may(namespace, account, {"verb": verb, "group": group, "resource": resource}):
                    return account_right_missing(namespace, account, verb, resource)
        return Done(f"ServiceAccount '{account}' exists and has the rights that every release needs")

    async def _may(self, namespace: str, account: str, attributes: dict[str, str]) -> bool:
        user = f"system:serviceaccount:{namespace}:{account}"
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
        attributes = {**attributes, "namespace": namespace}
        try:
            answer = await asyncio.to_thread(self._cluster.review, namespace, user, groups, attributes)
        except RequestError as error:
            raise Unavailable(str(error)) from None
        return bool(answer["status"]["allowed"])

    async def _assume_logins(self, registry: HarborRegistry) -> None:
        """Puts a placeholder in memory for each login that the operator generates before the release."""
        spec, namespace = registry.spec, registry.metadata.namespace
        generated: dict[str, tuple[str, str]] = {}
        if spec.database and spec.database.credentials_secret_ref is None:
            generated[names.database_secret(registry)] = ("username", "password")
        store = (spec.storage.swift or spec.storage.s3) if spec.storage else None
        if store and store.provision and store.credentials_secret_ref:
            generated[store.credentials_secret_ref.name] = store.credentials_secret_ref.keys
        for name, keys in generated.items():
            if await self._kube.read_secret(namespace, name) is None:
                values = {key: self._recorder.make_password() for key in keys}
                await self._kube.apply_secret(namespace, name, values, names.owner_labels(registry))


class _Postgres(DryRunPostgres):
    """The database, which a login that exists only here cannot read."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(PsycopgPostgres())
        self._recorder = recorder

    @override
    async def try_login(self, server: PostgresServer, login: PostgresLogin, database: str) -> ObservedLogin:
        if self._recorder.is_generated(login.password):
            return ObservedLogin(LoginResult.WRONG_PASSWORD)
        return await super().try_login(server, login, database)

    @override
    async def has_harbor_tables(self, server: PostgresServer, login: PostgresLogin, database: str) -> bool:
        if self._recorder.is_generated(login.password):
            return False  # the operator looks, once its login is set
        return await super().has_harbor_tables(server, login, database)


def _release(registry: HarborRegistry) -> Release:
    if registry.spec.release is None:
        raise ValueError("the spec has no release")
    return registry.spec.release
