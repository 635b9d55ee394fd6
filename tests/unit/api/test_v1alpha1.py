from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harbor_operator.api.v1alpha1 import HarborRegistry


def parse(**spec: Any) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    return HarborRegistry.parse({"metadata": metadata, "spec": {"externalURL": "https://cr.example.com", **spec}})


def pull_secrets(*accounts: str) -> dict[str, Any]:
    return {"credential": {"robot": {}}, "serviceAccounts": list(accounts)}


def test_the_key_that_the_chart_reads_is_not_selectable() -> None:
    """Finding F17: nothing is accepted and ignored."""
    reference = {"name": "pg", "usernameKey": "user", "passwordKey": "secret"}
    assert parse(database={"host": "pg", "adminSecretRef": reference}).spec.database
    with pytest.raises(ValidationError, match="must be 'password'"):
        parse(database={"host": "pg", "credentialsSecretRef": reference})


def test_service_accounts_are_names_or_every_account() -> None:
    section = parse(pullSecrets=pull_secrets("default", "build.er-1", "*")).spec.pull_secrets
    assert section is not None
    assert section.service_accounts == ["default", "build.er-1", "*"]


@pytest.mark.parametrize("account", ["", "Default", "a_b", "-a", "a-", "a..b", "build*", "a\n", "a" * 254])
def test_what_is_no_name_of_a_service_account_is_refused(account: str) -> None:
    with pytest.raises(ValidationError) as refused:
        parse(pullSecrets=pull_secrets("default", account))
    assert refused.value.errors()[0]["loc"] == ("pullSecrets", "serviceAccounts", 1)


def test_ipv6_literals_are_accepted_where_a_host_is() -> None:
    """Finding R19."""
    spec = parse(
        externalURL="https://[fd00::1]:8443",
        database={"host": "[fd00::2]", "adminSecretRef": {"name": "pg-admin"}},
        cache={"addresses": ["[fd00::3]:6379"]},
    ).spec
    assert spec.external_url == "https://[fd00::1]:8443"
    assert spec.database is not None
    assert spec.database.host == "fd00::2"
    assert spec.cache is not None
    assert spec.cache.addresses == ["[fd00::3]:6379"]


@pytest.mark.parametrize(
    ("release", "field"),
    [
        ({"repository": "https://ci:hunter2@charts.example.com"}, "repository"),
        ({"repository": "http://charts.example.com"}, "repository"),
        ({"chart": "oci://ci:hunter2@charts.example.com/harbor"}, "chart"),
        ({"chart": "--post-renderer=sh"}, "chart"),
        ({"chart": ""}, "chart"),
    ],
)
def test_a_chart_source_is_checked(release: dict[str, Any], field: str) -> None:
    """Finding S8."""
    with pytest.raises(ValidationError) as refused:
        parse(release={"version": "1.19.1", **release})
    assert refused.value.errors()[0]["loc"] == ("release", field)


def test_a_condition_of_another_generation_does_not_count() -> None:
    condition = {"type": "RegistryReachable", "status": "True", "observedGeneration": 1}
    body: dict[str, Any] = {
        "metadata": {"name": "cr", "namespace": "intra", "uid": "uid-1", "generation": 1},
        "spec": {"externalURL": "https://cr.example.com"},
        "status": {"conditions": [condition]},
    }
    assert HarborRegistry.parse(body).observed.reachable
    body["metadata"]["generation"] = 2
    assert not HarborRegistry.parse(body).observed.reachable


GIVEN = {"host": "pg.example.com", "credentialsSecretRef": {"name": "pg"}}


def test_a_database_has_an_admin_login_or_one_of_harbor() -> None:
    """Finding D10."""
    assert parse(database=GIVEN).spec.database


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ({**GIVEN, "adminSecretRef": {"name": "pg-admin"}}, "exactly one"),
        ({"host": "pg.example.com"}, "exactly one"),
        ({**GIVEN, "host": "a.example.com,b.example.com"}, "`host` is one name, because Harbor takes no list"),
        ({**GIVEN, "rotateAfterDays": 30}, "`rotateAfterDays` is for `adminSecretRef` only"),
        ({**GIVEN, "maintenanceDatabase": "defaultdb"}, "`maintenanceDatabase` is for `adminSecretRef` only"),
    ],
)
def test_an_ambiguous_database_login_is_refused(database: dict[str, Any], said: str) -> None:
    """Findings D10 and F9."""
    with pytest.raises(ValidationError) as refused:
        parse(database=database)
    assert said in refused.value.errors()[0]["msg"]
