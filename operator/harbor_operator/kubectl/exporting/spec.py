"""From what Harbor has to the fields of the spec that ask for it: the reverse of plan/; pure.

An entry that the spec cannot describe is left out and named: a part of a rule would be another rule.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from harbor_operator.api import projects, replications, schedules
from harbor_operator.api.kind import GROUP, KIND, VERSION
from harbor_operator.model.harbor import ObservedRobot
from harbor_operator.model.project_policies import EVERYTHING, ObservedImmutableRule, ObservedRetention, TagSelector
from harbor_operator.model.projects import UNLIMITED, ObservedMember, ObservedProject, ObservedQuota, ObservedRegistry
from harbor_operator.model.replications import ObservedReplication, Replication
from harbor_operator.model.schedules import ObservedSchedule, SystemJob
from harbor_operator.model.webhooks import ObservedWebhook, Webhook
from harbor_operator.plan.projects import ADMIN, GIB, ROLES
from harbor_operator.plan.replications import ON_EVENT
from harbor_operator.plan.schedules import EVENT_TYPES, NONE, PRESETS

Fields = dict[str, Any]

_ROLE_NAMES = {number: str(role) for role, number in ROLES.items()}
_SEVERITIES = {"Disabled", "Low", "Medium", "High", "Critical"}
"""The values of `preventVulnerable`. Harbor takes every other severity, and none, for the lowest."""
_KINDS = {cron: kind for kind, cron in PRESETS.items()}
_CRITERIA = {
    "latestPushedK": "mostRecentlyPushed",
    "latestPulledN": "mostRecentlyPulled",
    "nDaysSinceLastPush": "nDaysSinceLastPush",
    "nDaysSinceLastPull": "nDaysSinceLastPull",
}


@dataclass(frozen=True, slots=True)
class FoundProject:
    """A project with everything that belongs to it."""

    project: ObservedProject
    quota: ObservedQuota | None
    members: Sequence[ObservedMember]
    immutable_rules: Sequence[ObservedImmutableRule]
    retention: ObservedRetention | None
    webhooks: Sequence[ObservedWebhook]
    robots: Sequence[ObservedRobot]


@dataclass(frozen=True, slots=True)
class FoundHarbor:
    """A Harbor as read; `ldap_groups` are the ids of groups by DN."""

    projects: Sequence[FoundProject]
    registries: Mapping[str, ObservedRegistry]
    replications: Mapping[str, ObservedReplication]
    schedules: Mapping[SystemJob, ObservedSchedule | None]
    ldap_groups: Mapping[str, int]


@dataclass(slots=True)
class Export:
    """The manifest, what remains to be done for it, and what has no place in it."""

    manifest: Fields
    tasks: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def as_yaml(export: Export) -> str:
    """Returns the manifest with what remains to be done as comments."""
    notes = [*(f"{task}." for task in export.tasks), *(f"Not exported: {text}." for text in export.left_out)]
    comments = "".join(f"# {note}\n" for note in notes)
    plain = json.loads(json.dumps(export.manifest))  # YAML cannot represent the members of an enum
    return comments + str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def export_spec(found: FoundHarbor, url: str, *, has_ca: bool) -> Export:
    """Returns the HarborRegistry that keeps this Harbor as it is, without installing it."""
    spec: Fields = {"externalURL": url, "adminPasswordSecretRef": {"name": "harbor-admin", "key": "password"}}
    metadata = {"name": "harbor"}
    export = Export({"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": metadata, "spec": spec})
    export.tasks.append("Create Secret 'harbor-admin' with the password of user 'admin' under the key 'password'")
    if has_ca:
        spec["caSecretRef"] = {"name": "harbor-ca"}
        export.tasks.append("Create Secret 'harbor-ca' with the CA of the URL under the key 'ca.crt'")
    names = {registry.number: registry.name for registry in found.registries.values()}
    replicated = (_replication(name, one.rule, names, export) for name, one in found.replications.items())
    sections: tuple[tuple[str, type[BaseModel], list[Fields]], ...] = (
        ("registries", projects.Registry, [_registry(one, export) for one in found.registries.values()]),
        ("projects", projects.Project, [_project(one, names, found.ldap_groups, export) for one in found.projects]),
        ("replications", replications.Replication, [fields for fields in replicated if fields]),
    )
    for section, model, entries in sections:
        valid = [entry for entry in entries if _is_valid(section, model, entry, export)]
        spec |= {section: valid} if valid else {}
    spec |= dict(_schedules(found.schedules))
    if found.schedules.get(SystemJob.GARBAGE_COLLECTION):
        export.tasks.append("Check `spec.garbageCollection.dryRun`: Harbor does not show it")
    return export


def _is_valid(section: str, model: type[BaseModel], entry: Fields, export: Export) -> bool:
    try:
        model.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        export.left_out.append(f"'{entry['name']}' of `spec.{section}`, whose `{place}` is invalid: {first['msg']}")
        return False
    return True


def _registry(registry: ObservedRegistry, export: Export) -> Fields:
    fields: Fields = {"name": registry.name, "type": registry.type, "url": registry.url}
    if registry.access_key:
        secret = f"registry-{registry.name}".replace("_", "-")
        fields["credentialsSecretRef"] = {"name": secret}
        export.tasks.append(f"Create Secret '{secret}' with username '{registry.access_key}' and its password")
    return fields | ({"insecure": True} if registry.is_insecure else {})


def _project(found: FoundProject, names: Mapping[int, str], groups: Mapping[str, int], export: Export) -> Fields:
    project, name = found.project, found.project.name
    fields: Fields = {"name": name, **({"public": True} if project.public else {})}
    limit = found.quota.storage_limit if found.quota else UNLIMITED
    if limit > 0 and limit % GIB == 0:
        fields["quotaGiB"] = limit // GIB
    elif limit != UNLIMITED:
        export.left_out.append(f"the quota of project '{name}', which is no number of GiB")
    if project.registry:
        fields["proxyCache"] = names.get(project.registry, "")
    fields |= dict(_settings(project, export))
    export.tasks += (
        f"Robot '{robot.login}' of project '{name}' is not in `robots` and stays as it is: Harbor shows no password, so"
        " the operator could only replace it"
        for robot in found.robots
    )
    lists = {
        "members": list(_members(found, groups, export)),
        "immutableTags": list(_immutable_tags(found, export)),
        "retention": _retention(found, export),
        "webhooks": list(_webhooks(found, export)),
    }
    return fields | {key: value for key, value in lists.items() if value}


def _settings(project: ObservedProject, export: Export) -> Iterator[tuple[str, Any]]:
    metadata = project.metadata
    if (scan := metadata.get("auto_scan")) is not None:
        yield "autoScan", scan == "true"
    if (prevents := metadata.get("prevent_vul")) is not None:
        severity = metadata.get("severity", "").capitalize() if prevents == "true" else "Disabled"
        if severity in _SEVERITIES:
            yield "preventVulnerable", severity
        else:
            export.left_out.append(
                f"that project '{project.name}' prevents pulls of images with any vulnerability: `preventVulnerable` "
                "has no such value, and the operator keeps what is set"
            )
    if metadata.get("reuse_sys_cve_allowlist") == "false":
        yield "allowedCVEs", sorted(project.allowed_cves)


def _members(found: FoundProject, groups: Mapping[str, int], export: Export) -> Iterator[Fields]:
    ldap = {number: name for name, number in groups.items()}
    for member in found.members:
        if member.name == ADMIN and not member.is_group:
            continue  # Harbor makes the creator of a project its member
        if member.role not in _ROLE_NAMES:
            export.left_out.append(f"member '{member.name}' of project '{found.project.name}', whose role is unknown")
            continue
        kind, name = "user", member.name
        if member.is_group:
            kind, name = ("ldapGroup", ldap[member.entity]) if member.entity in ldap else ("oidcGroup", member.name)
        yield {kind: name, "role": _ROLE_NAMES[member.role]}


def _immutable_tags(found: FoundProject, export: Export) -> Iterator[Fields]:
    for rule in found.immutable_rules:
        if rule.selector is None or rule.is_disabled:
            why = "is disabled" if rule.is_disabled else "has selectors that the spec does not have"
            export.left_out.append(f"immutable tag rule {rule.number} of project '{found.project.name}', which {why}")
        else:
            yield _selection(rule.selector)


def _selection(selector: TagSelector) -> Fields:
    repositories = "repoExcluding" if selector.excludes_repositories else "repoMatching"
    tags = "tagExcluding" if selector.excludes_tags else "tagMatching"
    chosen = {repositories: selector.repositories, tags: selector.tags}
    return {key: value for key, value in chosen.items() if value != EVERYTHING or key.endswith("Excluding")}


def _retention(found: FoundProject, export: Export) -> Fields:
    if found.retention is None:
        return {}
    rules: list[Fields] = []
    for rule in found.retention.rules:
        if rule is None:
            text = f"the retention of project '{found.project.name}', because a rule is disabled or unknown"
            export.left_out.append(text)
            return {}
        criterion = {_CRITERIA[rule.template]: rule.limit} if rule.template in _CRITERIA else {"alwaysRetain": True}
        untagged = {} if rule.selects_untagged else {"untaggedArtifacts": False}
        rules.append({**_selection(rule.selector), **criterion, **untagged})
    return {"rules": rules, **_schedule(found.retention.cron)} if rules else {}


def _webhooks(found: FoundProject, export: Export) -> Iterator[Fields]:
    for observed in found.webhooks:
        webhook = observed.webhook
        if webhook is None:
            text = f"webhook '{observed.name}' of project '{found.project.name}', which has several receivers"
            export.left_out.append(text)
        else:
            yield _webhook(webhook, f"webhook-{observed.number}", export)


def _webhook(webhook: Webhook, secret: str, export: Export) -> Fields:
    fields: Fields = {"name": webhook.name, "address": webhook.address, "events": sorted(webhook.events)}
    plain = Webhook(webhook.name, webhook.address, webhook.events)
    given = {"type": webhook.type, "payloadFormat": webhook.payload_format, "insecure": webhook.is_insecure}
    usual = {"type": plain.type, "payloadFormat": plain.payload_format, "insecure": plain.is_insecure}
    fields |= {key: value for key, value in given.items() if value != usual[key]}
    if webhook.auth_header.get_secret_value():
        fields["authHeaderSecretRef"] = {"name": secret}
        export.tasks.append(
            f"Create Secret '{secret}' with the header of webhook '{webhook.name}' under 'authorization'"
        )
    return fields | ({} if webhook.is_enabled else {"enabled": False})


def _replication(name: str, rule: Replication | None, names: Mapping[int, str], export: Export) -> Fields:
    if rule is None:
        export.left_out.append(f"replication '{name}', which has a filter that the spec does not have")
        return {}
    fields: Fields = {"name": name, "pullFrom": names.get(rule.source), "pushTo": names.get(rule.destination)}
    for one in rule.filters:
        kind = {"name": "repoMatching"}.get(
            one.kind, f"tag{'Excluding' if one.decoration == 'excludes' else 'Matching'}"
        )
        fields[kind] = one.value
    given: Mapping[str, tuple[object, object]] = {
        "destinationNamespace": (rule.destination_namespace, ""),
        "destinationReplaceCount": (rule.destination_replace_count, -1),
        "onEvent": (rule.trigger == ON_EVENT, False),
        "replicateDeletion": (rule.replicates_deletion, False),
        "override": (rule.overrides, True),
        "enabled": (rule.is_enabled, True),
    }
    fields |= {key: value for key, (value, usual) in given.items() if value != usual}
    return {key: value for key, value in {**fields, **_schedule(rule.cron)}.items() if value is not None}


def _schedules(found: Mapping[SystemJob, ObservedSchedule | None]) -> Iterator[tuple[str, Fields]]:
    for job, schedule in found.items():
        if schedule is not None:
            yield job, {**_schedule(schedule.cron), **_PARAMETERS[job](schedule.parameters)}


def _collection(parameters: Mapping[str, Any]) -> Fields:
    usual = schedules.GarbageCollection(schedule=NONE)
    return {
        "deleteUntagged": bool(parameters.get("delete_untagged", usual.delete_untagged)),
        "workers": int(parameters.get("workers") or usual.workers),
        "dryRun": bool(parameters.get("dry_run", usual.dry_run)),
    }


def _purge(parameters: Mapping[str, Any]) -> Fields:
    types = [one for one in str(parameters.get(EVENT_TYPES) or "").split(",") if one]
    fields: Fields = {"dryRun": bool(parameters.get("dry_run", False)), **({"eventTypes": types} if types else {})}
    hours = parameters.get("audit_retention_hour")
    return fields | ({"keepHours": int(hours)} if hours else {})


_PARAMETERS: Mapping[SystemJob, Callable[[Mapping[str, Any]], Fields]] = {
    SystemJob.GARBAGE_COLLECTION: _collection,
    SystemJob.PURGE_AUDIT: _purge,
    SystemJob.SCAN_ALL: lambda _: {},
}


def _schedule(cron: str) -> Fields:
    return {"schedule": _KINDS.get(cron, cron)} if cron else {}
