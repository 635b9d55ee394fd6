"""The API server rejects invalid objects at `kubectl apply`, by the schema and CEL rules of the CRD."""

from __future__ import annotations

from typing import Any

import pytest

from lab.process import LabError
from lab.registries import Registry, merged
from tests.e2e.conftest import MakeRegistry

pytestmark = pytest.mark.e2e

Spec = dict[str, Any]

SUSPENDED: Spec = {"externalURL": "https://localhost:1", "suspend": True}
SWIFT: Spec = {
    "authURL": "https://localhost:1/auth/v1.0",
    "container": "harbor",
    "credentialsSecretRef": {"name": "swift"},
}
S3: Spec = {"endpoint": "https://localhost:1", "credentialsSecretRef": {"name": "s3"}}
VOLUME: Spec = {"size": "1Gi"}
GIVEN: Spec = {"host": "localhost", "credentialsSecretRef": {"name": "pg"}}
DATABASE: Spec = {"host": "localhost", "adminSecretRef": {"name": "pg-admin"}}
SELECTED: Spec = {"credential": {"robot": {}}}
OIDC: Spec = {"name": "A", "endpoint": "https://localhost:1", "clientID": "harbor", "clientSecretRef": {"name": "oidc"}}
LDAP: Spec = {
    "url": "ldap://localhost",
    "baseDN": "dc=example",
    "searchDN": "cn=search",
    "searchPasswordSecretRef": {"name": "ldap"},
}
EXPRESSION: Spec = {"key": "team", "operator": "In"}

REFUSED: dict[str, tuple[Spec, tuple[str, ...]]] = {
    "two storage kinds": (
        {"storage": {"swift": SWIFT, "filesystem": VOLUME}},
        ("spec.storage: Invalid value", "give exactly one of `swift`, `s3`, `filesystem` and `driver`"),
    ),
    "a bucket beside a container": (
        {"storage": {"swift": SWIFT, "s3": S3}},
        ("spec.storage: Invalid value", "give exactly one of `swift`, `s3`, `filesystem` and `driver`"),
    ),
    "no storage kind": (
        {"storage": {}},
        ("spec.storage: ", "give exactly one of `swift`, `s3`, `filesystem` and `driver`"),
    ),
    "an endpoint with a path": (
        {"storage": {"s3": {**S3, "endpoint": "https://localhost:1/path"}}},
        ("spec.storage.s3.endpoint: Invalid value",),
    ),
    "a part below the minimum of S3": (
        {"storage": {"s3": {**S3, "chunkSizeMiB": 4}}},
        ("spec.storage.s3.chunkSizeMiB: Invalid value",),
    ),
    "several addresses without a master set": (
        {"cache": {"addresses": ["a:26379", "b:26379"]}},
        ("spec.cache: ", "several `addresses` mean Sentinel: set `sentinelMaster`, or give one address"),
    ),
    "two kinds of login": (
        {"authentication": {"oidc": OIDC, "ldap": LDAP}},
        ("spec.authentication: Invalid value", "give exactly one of `oidc` and `ldap`"),
    ),
    "no kind of login": ({"authentication": {}}, ("give exactly one of `oidc` and `ldap`",)),
    "scopes without an ID token": (
        {"authentication": {"oidc": {**OIDC, "scopes": ["profile"]}}},
        ("spec.authentication.oidc: ", "`scopes` must contain 'openid'"),
    ),
    "a group of administrators without groups": (
        {"authentication": {"oidc": {**OIDC, "adminGroup": "admins"}}},
        ("`adminGroup` and `groupFilter` need `groupsClaim`",),
    ),
    "a CA of a provider that is not verified": (
        {"authentication": {"oidc": {**OIDC, "verifyCertificate": False, "caSecretRef": {"name": "ca"}}}},
        ("`caSecretRef` is for `verifyCertificate: true` only",),
    ),
    "a provider without TLS": (
        {"authentication": {"oidc": {**OIDC, "endpoint": "http://localhost"}}},
        ("spec.authentication.oidc.endpoint in body should match",),
    ),
    "a CA of a directory without TLS": (
        {"authentication": {"ldap": {**LDAP, "caSecretRef": {"name": "ca"}}}},
        ("`caSecretRef` is for an ldaps:// `url` only",),
    ),
    "a CA of a directory that is not verified": (
        {
            "authentication": {
                "ldap": {
                    **LDAP,
                    "url": "ldaps://localhost",
                    "verifyCertificate": False,
                    "caSecretRef": {"name": "ca"},
                }
            }
        },
        ("`caSecretRef` is for `verifyCertificate: true` only",),
    ),
    "two database logins": (
        {"database": {**DATABASE, "credentialsSecretRef": {"name": "pg"}}},
        ("spec.database: Invalid value", "give exactly one of `adminSecretRef` and `credentialsSecretRef`"),
    ),
    "no database login": (
        {"database": {"host": "localhost"}},
        ("spec.database: Invalid value", "give exactly one of `adminSecretRef` and `credentialsSecretRef`"),
    ),
    "a maintenance database that is not used": (
        {"database": {**GIVEN, "maintenanceDatabase": "defaultdb"}},
        ("spec.database: Invalid value", "`maintenanceDatabase` is for `adminSecretRef` only"),
    ),
    "the age of a login that the operator does not own": (
        {"database": {**GIVEN, "rotateAfterDays": 30}},
        ("spec.database: Invalid value", "`rotateAfterDays` is for `adminSecretRef` only"),
    ),
    "several database hosts": (
        {"database": {**DATABASE, "host": "a.example.com,b.example.com"}},
        ("spec.database: Invalid value", "`host` is one name, because Harbor takes no list"),
    ),
    "Sentinel with TLS": (
        {"cache": {"addresses": ["a:26379"], "sentinelMaster": "mymaster", "tls": True}},
        ("spec.cache: ", "`tls` with `sentinelMaster` is broken in the chart's registry: use one of them"),
    ),
    "both credential kinds": (
        {"pullSecrets": {"credential": {"robot": {}, "secretRef": {"name": "pull"}}}},
        ("spec.pullSecrets.credential: ", "give exactly one of `robot` and `secretRef`"),
    ),
    "every project for every namespace": (
        {"pullSecrets": {"credential": {"robot": {"scope": "Namespace", "projects": ["*"]}}}},
        ("spec.pullSecrets.credential.robot: ", "`projects` with '*' would give every namespace every project"),
    ),
    "selectable projects without namespaces": (
        {"pullSecrets": {"credential": {"robot": {"selectableProjects": ["team-*"]}}}},
        ("spec.pullSecrets.credential.robot: ", "`selectableProjects` is for scope 'Namespace' only"),
    ),
    "a rotation after the expiry": (
        {"pullSecrets": {"credential": {"robot": {"rotateAfterDays": 30, "expireAfterDays": 30}}}},
        ("spec.pullSecrets.credential.robot: ", "`rotateAfterDays` must be smaller than `expireAfterDays`"),
    ),
    "no credential kind": ({"pullSecrets": {"credential": {}}}, ("give exactly one of `robot` and `secretRef`",)),
    "a member of two kinds": (
        {"projects": [{"name": "a", "members": [{"user": "a", "oidcGroup": "b", "role": "Guest"}]}]},
        ("spec.projects[0].members[0]", "give exactly one of `user`, `oidcGroup` and `ldapGroup`"),
    ),
    "a schedule with five fields": (
        {"garbageCollection": {"schedule": "0 3 * * *"}},
        ("spec.garbageCollection.schedule in body should match",),
    ),
    "In without values": (
        {"pullSecrets": {**SELECTED, "namespaces": {"selector": {"matchExpressions": [EXPRESSION]}}}},
        ("matchExpressions[0]", "In and NotIn need `values`; Exists and DoesNotExist take none"),
    ),
    "an unknown field": ({"stroage": {"filesystem": VOLUME}}, ("unknown field", "stroage")),
    "an unknown field further down": (
        {"database": {**DATABASE, "passwrod": "x"}},
        ("unknown field", "passwrod"),
    ),
    "a path in the URL": ({"externalURL": "https://localhost/harbor"}, ("spec.externalURL in body should match",)),
    "a version that is not exact": ({"release": {"version": "1.19"}}, ("spec.release.version in body should match",)),
    "a service account that is not a name": (
        {"release": {"version": "1.19.1", "serviceAccountName": "Admin/x"}},
        ("spec.release.serviceAccountName in body should match",),
    ),
    "an IPv6 address without brackets": (
        {"externalURL": "https://fd00::1"},
        ("spec.externalURL in body should match",),
    ),
    "a login in a backend's URL": (
        {"storage": {"swift": {**SWIFT, "authURL": "https://u:p@localhost/auth"}}},
        ("spec.storage.swift.authURL in body should match",),
    ),
    "a login in the chart repository": (
        {"release": {"version": "1.19.1", "repository": "https://ci:hunter2@localhost"}},
        ("spec.release: Invalid value", "`repository` must not contain a login"),
    ),
    "a chart repository without TLS": (
        {"release": {"version": "1.19.1", "repository": "http://charts.example.com"}},
        ("spec.release: Invalid value", "`repository` must be an https:// URL"),
    ),
    "a login in the chart": (
        {"release": {"version": "1.19.1", "chart": "oci://ci:hunter2@localhost/harbor"}},
        ("spec.release: Invalid value", "`chart` must not contain a login"),
    ),
    "a chart without TLS": (
        {"release": {"version": "1.19.1", "chart": "http://charts.example.com/harbor.tgz"}},
        ("spec.release: Invalid value", "`chart` must not be an http:// URL"),
    ),
    "an option as the chart": (
        {"release": {"version": "1.19.1", "chart": "--post-renderer=sh"}},
        ("spec.release.chart in body should match",),
    ),
    "a digest that is none": (
        {"release": {"version": "1.19.1", "digest": "sha256:ABC"}},
        ("spec.release.digest in body should match",),
    ),
    "a chart login for a path": (
        {"release": {"version": "1.19.1", "chart": "/charts/harbor", "repositorySecretRef": {"name": "charts"}}},
        ("spec.release: Invalid value", "`repositorySecretRef` and `repositoryCASecretRef` are for a chart of a"),
    ),
    "an empty service account": (
        {"pullSecrets": {**SELECTED, "serviceAccounts": [""]}},
        ("spec.pullSecrets.serviceAccounts[0] in body should match",),
    ),
    "a pattern of service accounts": (
        {"pullSecrets": {**SELECTED, "serviceAccounts": ["default", "build*"]}},
        ("spec.pullSecrets.serviceAccounts[1] in body should match",),
    ),
    "one project twice": (
        {"projects": [{"name": "a"}, {"name": "a"}]},
        ('.spec.projects: duplicate entries for key [name="a"]',),
    ),
}


def refusal(registry: Registry, spec: Spec) -> str:
    """Returns the message that kubectl prints."""
    with pytest.raises(LabError) as refused:
        registry.apply(spec)
    return str(refused.value)


def test_an_invalid_object_is_rejected_with_the_reason(make_registry: MakeRegistry) -> None:
    registry = make_registry("rules-bad")
    for name, (changes, expected) in REFUSED.items():
        message = refusal(registry, merged(SUSPENDED, changes))
        assert [text for text in expected if text not in message] == [], f"{name}: {message}"
        assert registry.is_gone(), name


def test_an_object_with_ipv6_literals_is_accepted(make_registry: MakeRegistry) -> None:
    """Finding R19."""
    registry = make_registry("rules-ipv6")
    changes: Spec = {
        "externalURL": "https://[fd00::1]:8443",
        "database": {**DATABASE, "host": "fd00::2"},
        "cache": {"addresses": ["[fd00::3]:6379"]},
        "release": {
            "version": "1.19.1",
            "repository": "http://localhost:8080",
            "digest": f"sha256:{'0a' * 32}",
            "repositorySecretRef": {"name": "charts"},
            "repositoryCASecretRef": {"name": "charts-ca"},
        },
    }
    registry.apply(merged(SUSPENDED, changes))
    assert registry.read()["spec"]["database"]["host"] == "fd00::2"


def test_the_storage_location_is_immutable(make_registry: MakeRegistry) -> None:
    registry = make_registry("rules-storage")
    swift = merged(SUSPENDED, {"storage": {"swift": SWIFT}})
    registry.apply(swift)

    other_type = merged(SUSPENDED, {"storage": {"filesystem": VOLUME}})
    assert "the storage type is immutable: an image that one driver wrote" in refusal(registry, other_type)
    other_container = merged(swift, {"storage": {"swift": {"container": "other"}}})
    assert "`container` is immutable: it contains the images" in refusal(registry, other_container)
    no_container = merged(swift, {"storage": {"swift": {"container": None}}})
    registry.apply(no_container)  # the default equals the current name
    assert "`storage` cannot be removed: the chart would start Harbor on an empty volume" in refusal(
        registry, SUSPENDED
    )

    moved = merged(swift, {"storage": {"swift": {"authURL": "https://localhost:2/auth/v1.0"}}})
    registry.apply(moved)
    assert registry.read()["spec"]["storage"]["swift"]["authURL"] == "https://localhost:2/auth/v1.0"


def test_the_bucket_is_immutable(make_registry: MakeRegistry) -> None:
    registry = make_registry("rules-bucket")
    bucket = merged(SUSPENDED, {"storage": {"s3": S3}})
    registry.apply(bucket)

    for other in ({"swift": SWIFT}, {"filesystem": VOLUME}):
        assert "the storage type is immutable" in refusal(registry, merged(SUSPENDED, {"storage": other}))
    for field in ("bucket", "rootDirectory"):
        changed = merged(bucket, {"storage": {"s3": {field: "other"}}})
        assert f"`{field}` is immutable: it contains the images" in refusal(registry, changed)
    registry.apply(merged(bucket, {"storage": {"s3": {"endpoint": "https://localhost:2", "rootDirectory": ""}}}))


def test_the_database_of_a_release_cannot_be_removed(make_registry: MakeRegistry) -> None:
    """Finding D2."""
    registry = make_registry("rules-database")
    release = merged(SUSPENDED, {"release": {"version": "1.19.1"}})
    registry.apply(merged(release, {"database": DATABASE}))
    assert "`database` cannot be removed: the chart would start Harbor on an empty database" in refusal(
        registry, release
    )
    registry.apply(merged(release, {"database": {**DATABASE, "host": "moved"}}))


def test_a_release_cannot_be_renamed(make_registry: MakeRegistry) -> None:
    registry = make_registry("rules-release")
    release = merged(SUSPENDED, {"release": {"version": "1.19.1"}})
    registry.apply(release)
    renamed = merged(release, {"release": {"name": "other"}})
    assert "`name` is immutable: another name would install a second Harbor" in refusal(registry, renamed)
    registry.apply(merged(release, {"release": {"version": "1.19.2"}}))
