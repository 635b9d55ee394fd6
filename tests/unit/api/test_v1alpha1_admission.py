"""What the API server refuses, the model refuses as well; tests/contract/test_schema_differential.py compares both."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harbor_operator.api.base import MAX_GIB
from harbor_operator.api.v1alpha1 import HarborRegistrySpec

URL = "https://cr.example.com"
RELEASE = {"version": "1.19.1"}
S3 = {"endpoint": "https://s3.example.com", "credentialsSecretRef": {"name": "s3"}}
CREDENTIAL = {"secretRef": {"name": "pull"}}
ROBOT = {"name": "ci", "access": [{"resource": "repository", "action": "pull"}], "secret": {"name": "ci"}}
WEBHOOK = {"name": "ci", "address": "https://ci.example.com", "events": ["PUSH_ARTIFACT"]}
REGISTRY = {"name": "hub", "type": "docker-hub", "url": "https://hub.docker.com"}
REPLICATION = {"name": "base", "pullFrom": "hub"}

REFUSED: dict[str, dict[str, Any]] = {
    "a number as text": {"checkIntervalSeconds": "60"},
    "a boolean as text": {"suspend": "true"},
    "a boolean as a number": {"suspend": 1},
    "a number as a boolean": {"release": {**RELEASE, "timeoutSeconds": True}},
    "a name of Python": {"internal_url": URL},
    "an ingress class of another type": {"expose": {"type": "nodePort", "ingressClassName": "nginx"}},
    "a name in brackets": {"cache": {"addresses": ["[e]:6379"]}},
    "an IPv4 address in brackets": {"cache": {"addresses": ["[10.0.0.1]:6379"]}},
    "an impossible port of an image host": {"pullSecrets": {"credential": CREDENTIAL, "extraHosts": ["a:70000"]}},
    "no IPv6 address of an image host": {"pullSecrets": {"credential": CREDENTIAL, "extraHosts": ["[1:2]"]}},
    "a space of Unicode in a URL": {"storage": {"s3": {**S3, "provision": {"adminURL": "https://a\u00a0b"}}}},
    "a control character in a user name": {
        "cache": {"addresses": ["a:6379"], "username": "a\x00", "passwordSecretRef": {"name": "redis"}}
    },
    "an empty key": {"caSecretRef": {"name": "ca", "key": ""}},
    "a key that no Secret can have": {"release": {**RELEASE, "secretKeyRef": {"name": "key", "key": "a/b"}}},
    "a quota that overflows": {"projects": [{"name": "a", "quotaGiB": MAX_GIB + 1}]},
    "two webhooks of one name": {"projects": [{"name": "a", "webhooks": [WEBHOOK, WEBHOOK]}]},
    "two robots of one name": {"projects": [{"name": "a", "robots": [ROBOT, ROBOT]}]},
    "two registries of one name": {"registries": [REGISTRY, REGISTRY]},
    "one scope twice": {
        "authentication": {
            "oidc": {
                "name": "A",
                "endpoint": "https://id.example.com",
                "clientID": "harbor",
                "clientSecretRef": {"name": "oidc"},
                "scopes": ["openid", "openid"],
            }
        }
    },
    "a number with a fraction": {"checkIntervalSeconds": 60.5},
    "two replications of one name": {"replications": [REPLICATION, REPLICATION]},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_a_spec_that_the_api_server_refuses_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HarborRegistrySpec.parse({"externalURL": URL, **changes})


@pytest.mark.parametrize("absent", ["suspend", "release", "projects", "pullSecrets", "deletionPolicy"])
def test_a_field_that_is_null_is_absent(absent: str) -> None:
    assert HarborRegistrySpec.parse({"externalURL": URL, absent: None}) == HarborRegistrySpec.parse(
        {"externalURL": URL}
    )


def test_a_number_without_a_fraction_is_an_integer() -> None:
    assert HarborRegistrySpec.parse({"externalURL": URL, "checkIntervalSeconds": 60.0}).check_interval_seconds == 60


def test_a_null_in_chart_values_removes_a_default_of_the_chart() -> None:
    spec = HarborRegistrySpec.parse({"externalURL": URL, "release": {**RELEASE, "values": {"core": {"a": None}}}})
    assert spec.release
    assert spec.release.values == {"core": {"a": None}}


def test_the_largest_quota_is_accepted() -> None:
    (project,) = HarborRegistrySpec.parse(
        {"externalURL": URL, "projects": [{"name": "a", "quotaGiB": MAX_GIB}]}
    ).projects
    assert project.quota_gib == MAX_GIB
