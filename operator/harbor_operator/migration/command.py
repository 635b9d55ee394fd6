"""The composition root of `migrate`: a kubeconfig becomes a client, the registry a target, and the report text."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from harbor_operator.adapters.kube_client import ClientOptions, KubernetesClient
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.kube_migration import KubernetesMigrationApi
from harbor_operator.adapters.kube_pull_secrets import KubernetesPullSecretApi
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.reflector import WatchOptions
from harbor_operator.migration.migrator import MAX_CONCURRENT_NAMESPACES, MigrationRequest, Migrator
from harbor_operator.migration.report import render_json, render_table, summarize
from harbor_operator.migration.target import read_content, read_registry
from harbor_operator.model.migration import MigrationReport, Tool
from harbor_operator.plan.docker_config import digest_of, encode
from harbor_operator.plan.migration import target_of
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.steps.stored_credential import StoredCredential


@dataclass(frozen=True, slots=True)
class MigrateOptions:
    """The command line of `migrate`; `registry` is 'namespace/name', an empty context the current one."""

    tool: Tool
    registry: str
    kubeconfig: Path
    context: str = ""
    apply: bool = False
    remove_doubles: bool = False
    as_json: bool = False


def run(options: MigrateOptions) -> int:
    """Prints the plan, or what was done; returns 0, or 1 if something failed or must be repeated."""
    try:
        report = asyncio.run(migrate(options, from_kubeconfig(options.kubeconfig, options.context)))
    except (Refused, Unavailable) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(render_json(report) if options.as_json else render_table(report))
    sys.stderr.write(summarize(report, applied=options.apply))
    return 0 if report.is_complete else 1


async def migrate(options: MigrateOptions, connection: ClusterConnection) -> MigrationReport:
    """Returns what another injector left and what is done about it; writes only with `apply`.

    Raises Refused if the registry cannot take anything over, Unavailable if the API server does not answer.
    """
    async with KubernetesClient(connection, ClientOptions(connections=MAX_CONCURRENT_NAMESPACES)) as client:
        api = KubernetesMigrationApi(client)
        registry, section = await read_registry(api, options.registry)
        content = await read_content(StoredCredential(KubernetesNamespaceResources(client)), registry, section)
        digest = digest_of(encode(content.get_secret_value())) if content else b""
        request = MigrationRequest(options.tool, target_of(registry, section, digest), content, options.remove_doubles)
        accounts = KubernetesPullSecretApi(client, WatchOptions(lambda: 0.0))  # nothing is watched
        migrator = Migrator(api, accounts, request, _warn)
        return await (migrator.apply() if options.apply else migrator.plan())


def _warn(text: str) -> None:
    sys.stderr.write(f"warning: {text}\n")
