"""The resources and actions that Harbor accepts for robots, per kind of permission."""

from __future__ import annotations

_CRUDL = "create read update delete list"

SYSTEM = {
    "audit-log": "list",
    "catalog": "read",
    "export-cve": "create read",
    "garbage-collection": "create read update list stop",
    "jobservice-monitor": "list stop",
    "label": "create read update delete",
    "ldap-user": "create list",
    "preheat-instance": _CRUDL,
    "project": "create list",
    "purge-audit": "create read update list stop",
    "quota": "read list update",
    "registry": _CRUDL,
    "replication": "create read list",
    "replication-adapter": "list",
    "replication-policy": _CRUDL,
    "robot": "create read list delete",
    "scan-all": "create read update stop",
    "scanner": _CRUDL,
    "security-hub": "read list",
    "system-volumes": "read",
    "user": _CRUDL,
    "user-group": _CRUDL,
}
PROJECT = {
    "accessory": "list",
    "artifact": "create read delete list",
    "artifact-addition": "read",
    "artifact-label": "create delete",
    "export-cve": "create read list",
    "immutable-tag": "create update delete list",
    "label": _CRUDL,
    "log": "list",
    "member": _CRUDL,
    "metadata": _CRUDL,
    "notification-policy": _CRUDL,
    "preheat-policy": _CRUDL,
    "project": "read update delete",
    "quota": "read",
    "repository": "pull push read update delete list",
    "robot": "create read list delete",
    "sbom": "create read stop",
    "scan": "create read stop",
    "scanner": "create read",
    "tag": "create delete list",
    "tag-retention": "create read update delete list operate",
}
KINDS = {"system": SYSTEM, "project": PROJECT}


def known(kind: str, resource: str, action: str) -> bool:
    """Whether Harbor accepts this action on this resource; `*` means all."""
    resources = KINDS.get(kind, {})
    if resource == "*":
        return bool(resources) and action == "*"
    return resource in resources and (action == "*" or action in resources[resource].split())
