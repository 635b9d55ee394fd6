from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from harbor_operator.api.chart_keys import chart_keys, unknown_key
from harbor_operator.api.charts import CHARTS as SUPPORTED_CHARTS
from harbor_operator.model.release import GeneratedSecret, ReleaseLogin, Tree, UserValues
from harbor_operator.reasons import Reason
from tests.fakes.release import release_secrets
from tests.unit.plan.test_values import CHARTS, chart, leaves, refused, values


@pytest.mark.parametrize(
    ("own", "reason", "words"),
    [
        ({"externalURL": "https://x"}, Reason.VALUES_CONFLICT, ("`externalURL`", "`spec.externalURL`")),
        ({"expose": {"tls": {"enabled": False}}}, Reason.VALUES_CONFLICT, ("`expose.tls.enabled`", "tlsSecretName")),
        ({"expose": None}, Reason.VALUES_CONFLICT, ("`expose`",)),
        ({"database": {"type": "internal"}}, Reason.VALUES_CONFLICT, ("`database.type`", "`spec.database`")),
        ({"redis": {"external": {"addr": "x"}}}, Reason.VALUES_CONFLICT, ("`redis.external.addr`", "`spec.cache`")),
        (
            {"persistence": {"imageChartStorage": {"s3": {"bucket": "b"}}}},
            Reason.VALUES_CONFLICT,
            ("`persistence.imageChartStorage.s3.bucket`", "`spec.storage`"),
        ),
        ({"jobservice": {"jobLoggers": ["file"]}}, Reason.VALUES_CONFLICT, ("`jobservice.jobLoggers`", "database")),
        ({"harborAdminPassword": "x"}, Reason.VALUES_INVALID, ("secret", "`spec.adminPasswordSecretRef`")),
        ({"secretKey": "x"}, Reason.VALUES_INVALID, ("secret", "remove it")),
        ({"database": {"external": {"password": "x"}}}, Reason.VALUES_INVALID, ("secret", "adminSecretRef")),
        ({"redis": {"external": {"password": "x"}}}, Reason.VALUES_INVALID, ("secret", "passwordSecretRef")),
        (
            {"persistence": {"imageChartStorage": {"swift": {"password": "x"}}}},
            Reason.VALUES_INVALID,
            ("secret", "`spec.storage.swift.credentialsSecretRef`"),
        ),
        ({"trivy": {"gitHubToken": "x"}}, Reason.VALUES_INVALID, ("secret", "`spec.release.valuesFrom`")),
        ({"notary": {"enabled": True}}, Reason.VALUES_INVALID, ("`notary`", "1.19")),
        (
            {"core": {"extraEnvVars": [{"name": "_REDIS_URL_CORE", "value": "x"}]}},
            Reason.VALUES_CONFLICT,
            ("'_REDIS_URL_CORE'",),
        ),
        ({"core": {"extraEnvVars": {"a": "b"}}}, Reason.VALUES_CONFLICT, ("`core.extraEnvVars.a`",)),
        ({"core": {"extraEnvVars": "b"}}, Reason.VALUES_INVALID, ("not a list",)),
    ],
)
def test_refused_user_values_name_the_key_and_the_remedy(own: Tree, reason: Reason, words: tuple[str, ...]) -> None:
    finding = refused(own)
    assert finding.reason is reason
    assert all(word in finding.message for word in words), finding.message
    assert "`spec.release.values`" in finding.message


def test_volume_keys_belong_to_the_user_unless_a_volume_stores_the_images() -> None:
    own = {"persistence": {"enabled": False}}
    assert values("1.19.1", own)["persistence"]["enabled"] is False
    assert refused(own, storage={"filesystem": {"size": "1Gi"}}).reason is Reason.VALUES_CONFLICT


@pytest.mark.skipif(not CHARTS, reason="no values files of the chart (HARBOR_CHART_VALUES)")
@pytest.mark.parametrize("path", CHARTS, ids=lambda path: path.stem)
def test_every_nested_key_of_the_chart_is_known(path: Path) -> None:
    """Finding F12."""
    known = chart_keys(chart(path.stem).minor)
    assert [key for key, _ in leaves(yaml.safe_load(path.read_text())) if unknown_key(key, known)] == []


def test_every_supported_chart_has_its_known_keys() -> None:
    assert [supported.minor for supported in SUPPORTED_CHARTS if "core" not in chart_keys(supported.minor)] == []


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"core": {"replica": 2}}, ("`core.replica`", "1.19", "did you mean `core.replicas`?")),
        ({"core": {"image": {"tga": "x"}}}, ("`core.image.tga`", "did you mean `core.image.tag`?")),
        (
            {"metrics": {"serviceMonitor": {"enable": True}}},
            ("`metrics.serviceMonitor.enable`", "`metrics.serviceMonitor.enabled`"),
        ),
        ({"expose": {"ingress": {"harbor": {"labels": {"a": "b"}}}}}, ("`expose.ingress.harbor`",)),
    ],
)
def test_an_unknown_nested_key_is_refused_by_name(own: Tree, words: tuple[str, ...]) -> None:
    """Finding F12."""
    finding = refused(own)
    assert finding.reason is Reason.VALUES_INVALID
    assert all(word in finding.message for word in words), finding.message


@pytest.mark.parametrize(
    "own",
    [
        {"externalUrl": "https://x"},
        {"expose": {"tsl": {"enabled": False}}},
        {"core": {"secretNam": "x"}},
        {"harborAdminPasswort": "x"},
        {"disableredirect": True},
        {"redis": {"external": {"adr": "x"}}},
    ],
)
def test_no_key_of_the_operator_is_suggested(own: Tree) -> None:
    assert "did you mean" not in refused(own).message


def test_a_list_of_variables_is_suggested_because_the_user_can_add_to_it() -> None:
    assert "did you mean `core.extraEnvVars`?" in refused({"core": {"extraEnvVar": []}}).message


def test_a_nested_key_is_accepted_by_the_charts_that_read_it() -> None:
    """Finding F12."""
    own: Tree = {"core": {"podDisruptionBudget": {"enabled": True}}}
    assert values("1.19.1", own)["core"]["podDisruptionBudget"] == {"enabled": True}
    assert "`core.podDisruptionBudget`" in refused(own, version="1.18.4").message


@pytest.mark.parametrize(
    "own",
    [
        {"core": {"resources": {"limits": {"memory": "1Gi"}}, "nodeSelector": {"a": "b"}}},
        {"portal": {"tolerations": [{"key": "x"}], "affinity": {"nodeAffinity": {"x": {}}}}},
        {"redis": {"internal": {"resources": {"requests": {"cpu": "1"}}}}},
        {"containerSecurityContext": {"runAsUser": 5}},
    ],
)
def test_values_that_the_chart_passes_on_may_have_any_key(own: Tree) -> None:
    """Finding F12."""
    values("1.19.1", own)


def test_all_refused_values_are_named_at_once() -> None:
    """Finding F18."""
    first = UserValues(
        "ConfigMap 'a' key 'values.yaml'", {"externalURL": "https://x", "database": {"type": "internal"}}
    )
    finding = refused(first, {"redis": {"type": "internal"}, "core": {"replica": 2}})
    keys = ("`externalURL`", "`database.type`", "`redis.type`", "`core.replica`", "ConfigMap 'a'", "4 values")
    assert all(key in finding.message for key in keys), finding.message
    assert finding.reason is Reason.VALUES_INVALID


def test_a_message_lists_a_bounded_number_of_refused_values() -> None:
    """Finding F18."""
    finding = refused({"core": {f"key{number}": 1 for number in range(1000)}})
    assert "1000 values are refused" in finding.message
    assert finding.message.endswith("and 980 more")


def test_values_equal_to_those_of_the_operator_are_accepted() -> None:
    """Finding F18."""
    ours = values("1.19.1")
    own: Tree = {
        "externalURL": ours["externalURL"],
        "database": {"type": "external", "external": {"host": ours["database"]["external"]["host"], "port": 5432}},
        "redis": {"type": "external", "external": {"username": ""}},
        "persistence": {"imageChartStorage": {"type": "swift", "disableredirect": True}},
        "harborAdminPassword": "",
    }
    made = values("1.19.1", own)
    assert made["database"] == ours["database"]
    assert made["externalURL"] == ours["externalURL"]


def test_a_guess_of_a_generated_secret_is_never_confirmed() -> None:
    """Finding F18."""
    secret = release_secrets().generated[GeneratedSecret.CORE].get_secret_value()
    assert refused({"core": {"secret": secret}}, version="1.2.0").reason is Reason.VALUES_INVALID


def test_a_value_is_refused_for_one_cause_only() -> None:
    finding = refused({"database": {"external": {"hots": "x"}}, "persistence": {"imageChartStorage": "s3"}})
    assert finding.message.startswith("2 values are refused")
    assert finding.reason is Reason.VALUES_CONFLICT
    assert "`spec.database`" in finding.message
    assert "`spec.storage`" in finding.message


def test_certificates_that_the_chart_generates_are_refused_with_the_remedy() -> None:
    """Finding F2."""
    assert "`internalTLS.certSource`" in refused({"internalTLS": {"enabled": True}}).message
    own: Tree = {"internalTLS": {"enabled": True, "certSource": "secret", "core": {"secretName": "core-tls"}}}
    assert values("1.19.1", own)["internalTLS"]["core"] == {"secretName": "core-tls"}


def test_the_migration_hook_is_refused_while_harbor_uses_the_second_login() -> None:
    own = {"enableMigrateHelmHook": True}
    first = ReleaseLogin("role", SecretStr("x"), "login", "role")
    assert values("1.19.1", own, database_login=first)["enableMigrateHelmHook"] is True
    second = ReleaseLogin("role_b", SecretStr("x"), "login-b", "role")
    finding = refused(own, database_login=second)
    assert finding.reason is Reason.VALUES_CONFLICT
    assert "`enableMigrateHelmHook` in `spec.release.values`" in finding.message
    assert "while Harbor uses the second login" in finding.message
    assert values("1.19.1", {"enableMigrateHelmHook": False}, database_login=second)["enableMigrateHelmHook"] is False
