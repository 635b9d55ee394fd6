"""The state of all servers of a lab as text, in the form of `tests/campaign/snapshot.py`: one line for each object."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from swiftclient import Connection

from lab.kubernetes_client import Manifest
from lab.registry_fixture import SWIFT_KEY, RegistryFixture
from tests.campaign.oracles import conditions_of
from tests.campaign.snapshot import leaves, masked
from tests.e2e.harbor_api import ACCEPTED_PASSWORD, call_harbor

HARBOR_PAGE_SIZE = 100
CHANGING = {"id", "creation_time", "update_time", "project_id", "policy_id", "registry_id", "expires_at", "secret"}
"""Fields of Harbor's objects that differ between two objects which are made alike."""


def lab_snapshot(fixture: RegistryFixture) -> set[str]:
    """Returns the lines; each begins with its kind."""
    readers: tuple[Callable[[RegistryFixture], Iterator[str]], ...] = (
        _cluster,
        _release,
        _postgres,
        _store,
        _projects,
        _harbor,
        _reports,
    )
    return {masked(line) for read in readers for line in read(fixture)}


def _cluster(fixture: RegistryFixture) -> Iterator[str]:
    client = fixture.lab.control_plane.client
    for secret in client.items("/api/v1/secrets"):
        place = f"{secret['metadata']['namespace']}/{secret['metadata']['name']}"
        if secret["type"] != "helm.sh/release.v1":
            yield from (f"secret {place} {key} {secret['type']}" for key in secret.get("data", {}))
    for account in client.items("/api/v1/serviceaccounts"):
        names = sorted(entry["name"] for entry in account.get("imagePullSecrets", []))
        if names:
            yield f"injection {account['metadata']['namespace']}/{account['metadata']['name']} {names}"
    policies = client.items("/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies")
    yield from (f"policy {policy['metadata']['name']}" for policy in policies)


def _release(fixture: RegistryFixture) -> Iterator[str]:
    registry, plane = fixture.registry, fixture.lab.control_plane
    options = ("--namespace", registry.namespace, "-o", "json")
    for release in json.loads(plane.helm("list", *options)):
        yield f"release {release['name']} {release['chart']} {release['status']}"
        values = json.loads(plane.helm("get", "values", release["name"], *options))
        yield from (f"release {release['name']} {line}" for line in leaves(values))


def _postgres(fixture: RegistryFixture) -> Iterator[str]:
    query = fixture.lab.services.postgres.query
    for row in query(
        "SELECT datname, pg_get_userbyid(datdba), datconnlimit, datacl::text FROM pg_database WHERE NOT datistemplate"
    ):
        yield f"database {row}"
    roles = (
        "SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolconnlimit, "
        "shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%'"
    )
    for row in query(roles):
        yield f"role {row}"


def _store(fixture: RegistryFixture) -> Iterator[str]:
    """Yields the containers of the registry's user, and their objects but not the images."""
    services, ca = fixture.lab.services, str(fixture.lab.authority.ca_path)
    user = f"{fixture.container}:swift"
    with closing(Connection(services.auth_url, user, SWIFT_KEY, cacert=ca, retries=0)) as swift:
        for container in swift.get_account()[1]:
            _, objects = swift.get_container(container["name"], full_listing=True)
            kept = [item["name"] for item in objects if item["name"].startswith(("harbor-operator/", "canary/"))]
            yield f"container {container['name']} {sorted(kept)}"


def _projects(fixture: RegistryFixture) -> Iterator[str]:
    for project in _items(fixture, "/projects"):
        name, path = project["name"], f"/projects/{project['project_id']}"
        metadata = {key: value for key, value in project["metadata"].items() if key != "retention_id"}
        yield f"project {name} {metadata.pop('public', None)}"
        allowed = [item["cve_id"] for item in (project.get("cve_allowlist") or {}).get("items") or []]
        yield f"policies {name} {bool(project.get('registry_id'))} {sorted(metadata.items())} {sorted(allowed)}"
        for member in _items(fixture, f"{path}/members"):
            yield f"member {name} {member['entity_type']} {member['entity_name']} {member['role_name']}"
        for rule in _items(fixture, f"{path}/immutabletagrules"):
            yield f"tags {name} {_stable(rule)}"
        for webhook in _items(fixture, f"{path}/webhook/policies"):
            yield f"webhook {name} {_stable(webhook)}"
        if retention := project["metadata"].get("retention_id"):
            found = get_harbor(fixture, f"/retentions/{retention}")
            yield f"retention {name} {_stable(found['rules'])} {found['trigger']['settings'].get('cron')}"


def _harbor(fixture: RegistryFixture) -> Iterator[str]:
    for robot in _items(fixture, "/robots"):
        grants = sorted(json.dumps(_stable(grant), sort_keys=True) for grant in robot["permissions"])
        yield f"robot {robot['name']} {robot['level']} {robot['disable']} {grants}"
    for name, setting in get_harbor(fixture, "/configurations").items():
        yield f"setting {name} {setting.get('value')}"
    for endpoint in _items(fixture, "/registries"):
        yield f"registry {endpoint['name']} {endpoint['type']} {endpoint['url']} {endpoint.get('insecure')}"
    for rule in _items(fixture, "/replication/policies"):
        sides = [(rule.get(side) or {}).get("name") for side in ("src_registry", "dest_registry")]
        shown = {key: value for key, value in rule.items() if key not in {"src_registry", "dest_registry"}}
        yield f"replication {sides} {_stable(shown)}"
    for job in ("gc", "purgeaudit"):  # the seed has no Trivy, without which Harbor has no schedule of scans
        found = get_harbor(fixture, f"/system/{job}/schedule") or {}
        yield f"schedule {job} {(found.get('schedule') or {}).get('cron')} {found.get('job_parameters')}"
    for quota in _items(fixture, "/quotas"):
        yield f"project {quota['ref'].get('name')} quota {quota['hard']}"


def _reports(fixture: RegistryFixture) -> Iterator[str]:
    status = fixture.registry.status()
    for kind, condition in conditions_of(status).items():
        yield f"condition {kind} {condition['status']} {condition['reason']} {condition['message']}"
    yield from (f"warning {warning['message']}" for warning in status.get("warnings", []))


def get_harbor(fixture: RegistryFixture, path: str) -> Any:
    """Returns an answer of Harbor to its administrator, whose password a change of the spec can replace."""
    return call_harbor(fixture, "GET", path, login=ACCEPTED_PASSWORD)


def _items(fixture: RegistryFixture, path: str) -> list[Manifest]:
    """Returns the objects of a list in Harbor."""
    return get_harbor(fixture, f"{path}?page_size={HARBOR_PAGE_SIZE}") or []


def _stable(value: Any) -> Any:
    """Returns a value of Harbor's API without what differs between two objects that are made alike."""
    if isinstance(value, dict):
        return {key: _stable(child) for key, child in sorted(value.items()) if key not in CHANGING}
    if isinstance(value, list):
        return [_stable(child) for child in value]
    return value
