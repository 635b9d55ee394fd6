"""The state of all servers as text: one line for each object, without times, numbers of revisions and passwords."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from harbor_operator.plan.release import unwrap_secrets
from tests.campaign.deployment import Deployment, Servers

MASKED = re.compile(
    r"revision \d+|(?<=-[0-9a-f]{8})-\d+|GeneratedPassw0rd\d+|Pw0*\d+|KEY \d+|CERTIFICATE \d+|[0-9a-f]{16,}"
    r"|\d{4}-\d\d-\d\d[T ][0-9:.+Z]*|ey[\w.-]+|\"auth\":\"[^\"]*\""
)
"""What differs between two deployments of one spec: generated secrets, digests of them, and times."""


def snapshot(deployment: Deployment) -> set[str]:
    """Returns the lines; each begins with its kind."""
    return {masked(line) for line in (*_servers(deployment.servers), *_reports(deployment))}


def masked(line: str) -> str:
    """Returns the line without what differs between two deployments of one spec."""
    return MASKED.sub("*", line)


def kind_of(line: str) -> str:
    """Returns the kind of the object that a line is about."""
    return line.partition(" ")[0]


def _servers(servers: Servers) -> Iterator[str]:
    for (namespace, name), secret in servers.kube.secrets.items():
        if not name.startswith("sh.helm."):
            yield from (f"secret {namespace}/{name} {key} {secret.type}" for key in secret.values)
    yield from (f"role {name} {role.limit} {role.comment}" for name, role in servers.postgres.roles.items())
    yield from (f"database {database}" for database in servers.postgres.databases.values())
    yield from (f"container {name} {sorted(objects)}" for name, objects in servers.swift.containers.items())
    yield from (f"bucket {name} {sorted(objects)}" for name, objects in servers.s3.buckets.items())
    for uid, user in servers.rgw.users.items():
        yield from (f"rgw {uid} {login}" for login in (*user.subusers, *user.s3_keys))
        yield f"quota {uid} {user.quota.kib if user.quota.enabled else 'none'}"
    yield from (f"policy {name} {one.spec}" for name, one in servers.admission.objects.items())
    for desired in servers.injection.desired.values():
        yield f"injection {desired.claim} {desired.namespaces} {desired.conflict_policy}"
        if desired.docker_config:
            yield f"credential {desired.docker_config.get_secret_value()}"
    yield from _release(servers)
    yield from _harbor(servers)


def _release(servers: Servers) -> Iterator[str]:
    for (namespace, name), result in servers.deployed.items():
        values = unwrap_secrets(result.values)
        yield from (f"release {namespace}/{name} {line}" for line in leaves(values))
        yield f"release {namespace}/{name} chart {result.chart} {result.version} {result.repository}"


def _harbor(servers: Servers) -> Iterator[str]:
    harbor, ports = servers.harbor, servers.ports
    for name, project in harbor.projects.items():
        yield f"project {name} {project.public} {project.storage_limit}"
        metadata = {key: value for key, value in project.metadata.items() if key != "retention_id"}
        yield f"policies {name} {bool(project.registry)} {sorted(metadata.items())} {sorted(project.allowed_cves)}"
        yield from (f"member {name} {member.name} {member.role}" for member in project.members)
    for name, robot in harbor.robots.items():
        seen = robot.observed
        yield f"robot {name} {sorted(seen.grants)} {seen.is_enabled}"
    yield from (f"setting {name} {value}" for name, value in servers.settings.settings.items())
    yield from (f"registry {name} {one}" for name, one in ports.registries.registries.items())  # type: ignore[attr-defined]
    for project, rules in ports.immutable_tags.rules.items():  # type: ignore[attr-defined]
        yield from (f"tags {project} {rule.selector}" for rule in rules)
    yield from (f"retention {one.rules} {one.cron}" for one in ports.retention.policies.values())  # type: ignore[attr-defined]
    for project, webhooks in ports.webhooks.webhooks.items():  # type: ignore[attr-defined]
        yield from (f"webhook {project} {one.webhook}" for one in webhooks)
    yield from (f"replication {one.rule}" for one in ports.replications.rules.values())  # type: ignore[attr-defined]
    yield from (f"schedule {job} {one}" for job, one in ports.schedules.schedules.items())  # type: ignore[attr-defined]


def _reports(deployment: Deployment) -> Iterator[str]:
    for kind, condition in deployment.object.conditions().items():
        yield f"condition {kind} {condition['status']} {condition['reason']} {condition['message']}"
    yield from (f"warning {one['message']}" for one in deployment.object.status.get("warnings", []))


def leaves(value: Any, place: str = "") -> Iterator[str]:
    """Yields one line for each value of nested chart values."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from leaves(child, f"{place}.{key}")
    else:
        yield f"{place} = {value!r}"
