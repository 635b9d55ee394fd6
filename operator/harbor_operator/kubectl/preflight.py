"""The checks of `doctor`: the operator's own steps with ports that leave nothing behind, all at the same time.

It needs the whole package, so `doctor` imports it only when it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import assert_never

from harbor_operator.adapters import secrets
from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_http import HarborHttp
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.oidc_provider import HttpOidcProvider
from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.adapters.redis import RedisPyCache
from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.catalogue.search import problems
from harbor_operator.kubectl.areas import Area
from harbor_operator.kubectl.authentication_checks import check_authentication
from harbor_operator.kubectl.cluster import Cluster
from harbor_operator.kubectl.dry_run import (
    DryRunPostgres,
    ProbedS3,
    ProbedSwift,
    WouldChange,
    dry_run_images,
    dry_run_resources,
    dry_run_rgw,
)
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.findings import Finding, Level
from harbor_operator.kubectl.operator_settings import OperatorSettings
from harbor_operator.kubectl.planning.registry import as_applied, find_live
from harbor_operator.kubectl.read_gateways import ReadGateways
from harbor_operator.kubectl.release_checks import ReleaseChecks
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.outcomes import Blocked, Done, Outcome, Pending, Unknown
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import PASSWORD_LENGTH
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.attempt import attempt
from harbor_operator.steps.cache import CacheStep
from harbor_operator.steps.database import DatabaseStep
from harbor_operator.steps.extra_hosts import HostCheckedReachabilityStep
from harbor_operator.steps.gateway import GatewayCheckedReachabilityStep
from harbor_operator.steps.reachability import ReachabilityStep
from harbor_operator.steps.storage import StorageStep, Stores
from harbor_operator.steps.storage_in_use import MigrationRecords, StorageInUseStep

CLEAN_SECONDS = 8.0
_make_password = partial(secrets.make_password, PASSWORD_LENGTH)
_NOT_INSTALLED = "this is no error before the installation: "

Act = Callable[[HarborRegistry], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Options:
    """What a run depends on beside the spec; without `only`, every area that the spec has is checked."""

    settings: OperatorSettings
    only: Collection[Area]
    timeout_seconds: float
    clock: Callable[[], datetime]
    progress: Callable[[Collection[str]], None]
    """Receives the places of the spec that are still being checked, after each change."""

    checks_account: bool = True
    """Whether to check the account of Helm, which needs rights that the operator does not have."""


def parse_sources(text: str) -> ChartSources:
    """Returns the allowed sources of charts, as the operator's setting names them. Raises CommandError."""
    try:
        return ChartSources.parse(text)
    except ValueError as error:
        raise CommandError(f"`--chart-sources`: {error}") from None


def check(cluster: Cluster, registry: HarborRegistry, options: Options) -> list[Finding]:
    """Returns the findings of the areas, in the order of the conditions. Raises CommandError.

    What the operator has created carries the uid of the registry in the cluster, so the checks use it.
    """
    live = find_live(cluster, registry)
    if live is not None:
        registry = as_applied(registry, live)
    return asyncio.run(_Preflight(cluster, registry, options, _areas(registry, options.only)).run())


def _areas(registry: HarborRegistry, only: Collection[Area]) -> list[Area]:
    """Returns the areas to check. Raises CommandError if the spec lacks one that was asked for."""
    spec = registry.spec
    sections = {
        Area.DATABASE: spec.database,
        Area.CACHE: spec.cache,
        Area.STORAGE: spec.storage,
        Area.RELEASE: spec.release,
        Area.REGISTRY: spec.external_url,
        Area.AUTHENTICATION: spec.authentication,
    }
    if absent := [area for area in only if sections[area] is None]:
        raise CommandError(f"`--only {absent[0]}` checks nothing: the spec has no `{absent[0].section}`")
    return [area for area, section in sections.items() if section is not None and area in (only or Area)]


class _Preflight:
    def __init__(self, cluster: Cluster, registry: HarborRegistry, options: Options, areas: Collection[Area]) -> None:
        # The step does not upload anything to a registry that it has reached before: an upload leaves some bytes.
        observed = registry.observed.model_copy(update={"reachable": True})
        self._registry = registry.model_copy(update={"observed": observed})
        self._options = options
        self._areas = areas
        self._running: list[str] = []
        self._cluster = cluster
        self._kube = dry_run_resources(cluster)
        self._release = ReleaseChecks(cluster, options.settings, options.clock)
        egress = options.settings.egress
        self._swift = ProbedSwift(SwiftObjectStore(egress), f"{options.clock():%Y%m%d%H%M%S%f}")
        self._s3 = ProbedS3(HttpS3Store(egress))
        self._postgres = PsycopgPostgres(egress, permits_md5=options.settings.postgres_md5)

    async def run(self) -> list[Finding]:
        try:
            checks = self._checks()
            chosen = [check for area in self._areas for check in checks[area].items()]
            self._running = [where for where, _ in chosen]
            self._options.progress(self._running)
            found = await asyncio.gather(*(self._tried(where, act) for where, act in chosen))
        finally:
            self._options.progress(())
            left = await self._clean()
        return [finding for each in (*found, left) for finding in each]

    def _checks(self) -> Mapping[Area, Mapping[str, Act]]:
        """Returns the checks of each area by their place in the spec."""
        settings = self._options.settings
        egress = settings.egress
        http = HarborHttp(egress)
        database = DatabaseStep(self._kube, DryRunPostgres(self._postgres), _make_password)
        cache = CacheStep(self._kube, RedisPyCache(egress))
        probe, clock = HttpRegistryProbe(http), self._options.clock
        harbor = ReachabilityStep(self._kube, probe, HttpHarbor(http), dry_run_images(), clock)
        hosts = HostCheckedReachabilityStep(harbor, self._kube, probe, clock)
        gateway = GatewayCheckedReachabilityStep(hosts, ReadGateways(self._cluster), clock)
        release = self._release
        return {
            Area.DATABASE: {"spec.database": database.reconcile},
            Area.CACHE: {"spec.cache": cache.reconcile},
            Area.STORAGE: {"spec.storage": self._check_storage},
            Area.RELEASE: {
                "spec.release": release.check_step,
                "spec.release.chart": release.check_chart,
                **({"spec.release.serviceAccountName": release.check_account} if self._options.checks_account else {}),
            },
            Area.REGISTRY: {"spec.externalURL": gateway.reconcile},
            Area.AUTHENTICATION: {
                "spec.authentication": partial(check_authentication, self._kube, HttpOidcProvider(egress))
            },
        }

    async def _check_storage(self, registry: HarborRegistry) -> Outcome:
        """Checks the store; a database is empty as long as the cluster does not have the login that it gets."""
        # Not the Secrets of the other checks: the one of the database writes that login in memory at any time.
        kube = dry_run_resources(self._cluster)
        namespace, login = registry.metadata.namespace, names.database_secret(registry)
        creates_login = registry.spec.database is not None and registry.spec.database.credentials_secret_ref is None
        has_database = not creates_login or await kube.read_secret(namespace, login) is not None
        if not has_database:
            values = dict.fromkeys(("username", "password"), _make_password())  # any: it is not sent
            await kube.apply_secret(namespace, login, values, names.owner_labels(registry))
        postgres = DryRunPostgres(self._postgres, has_database=has_database)
        stores = Stores(self._swift.port, self._s3.port, dry_run_rgw(HttpRgwAdmin(self._options.settings.egress)))
        step = StorageStep(kube, stores, _make_password, postgres)
        return await StorageInUseStep(step, MigrationRecords(kube)).reconcile(registry)

    async def _tried(self, where: str, act: Act) -> list[Finding]:
        try:
            async with asyncio.timeout(self._options.timeout_seconds):
                outcome = await attempt(partial(_until_change, act), self._registry)
        except TimeoutError:
            text = f"the check did not end within {self._options.timeout_seconds:g} s"
            outcome = Unknown(Reason.UNAVAILABLE, text)
        self._running.remove(where)
        self._options.progress(self._running)
        is_installed = self._registry.spec.release is None or self._registry.observed.release_revision is not None
        is_expected = where == "spec.externalURL" and not is_installed
        return list(_findings(where, outcome, is_expected=is_expected))

    async def _clean(self) -> list[Finding]:
        """Removes what the probe of the storage has left; returns what could not be removed."""
        try:
            async with asyncio.timeout(CLEAN_SECONDS):
                await self._swift.clean()
                await self._s3.clean()
        except (Unavailable, Refused, TimeoutError) as error:
            why = str(error) or f"no answer within {CLEAN_SECONDS:g} s"
            text = f"what the probe wrote could not be removed: {why}"
            remedy = "Run `doctor` again, and remove a container with `-doctor-` in its name."
            return [Finding(Level.WARNING, str(Reason.STORAGE_PROBE_FAILED), "spec.storage", text, remedy)]
        return []


async def _until_change(act: Act, registry: HarborRegistry) -> Outcome:
    try:
        return await act(registry)
    except WouldChange as change:
        return Done(str(change))


def _findings(where: str, outcome: Outcome, *, is_expected: bool) -> Iterator[Finding]:
    for warning in outcome.warnings:
        yield _finding(Level.WARNING, warning.code, where, warning.message)
    match outcome:
        case Done():
            yield _finding(Level.OK, outcome.reason, where, outcome.message)
        case Pending() | Unknown() | Blocked() if is_expected:
            yield _finding(Level.WARNING, outcome.reason, where, f"{_NOT_INSTALLED}{outcome.message}")
        case Pending() | Unknown() | Blocked():
            yield _finding(Level.ERROR, outcome.reason, where, outcome.message)
        case _:
            assert_never(outcome)


def _finding(level: Level, reason: Reason, where: str, text: str) -> Finding:
    problem = problems().get(reason) if level is not Level.OK else None
    return Finding(level, str(reason), where, text, problem.remedy if problem else "")
