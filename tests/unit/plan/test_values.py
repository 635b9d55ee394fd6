from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from harbor_operator.api.chart_keys import chart_keys
from harbor_operator.api.charts import ChartSupport, Feature, find_chart
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import GeneratedSecret, Tree, UserValues
from harbor_operator.plan.values import plan_values
from harbor_operator.plan.values.inputs import Inputs
from harbor_operator.plan.values.parsing import parse_values
from tests.fakes.release import CACHE_PASSWORD, registry, release_secrets

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "values"
CHART_VALUES = Path(os.environ.get("HARBOR_CHART_VALUES", ROOT.parent / "shared" / "data" / "chart-values"))
CHARTS = sorted(CHART_VALUES.glob("*.yaml")) if CHART_VALUES.is_dir() else []
GOLDEN_VERSIONS = ("1.2.0", "1.4.6", "1.5.5", "1.9.6", "1.10.4", "1.12.6", "1.13.5", "1.14.3", "1.19.1")

# Read by the templates at these versions without a line, or with only a comment, in values.yaml.
READ_BY_TEMPLATES = {"existingSecretAdminPassword", "expose.ingress.annotations.kubernetes.io/ingress.class"}


def chart(version: str) -> ChartSupport:
    found = find_chart(version)
    assert found
    return found


INPUTS = ("ca_bundle", "cache_password", "storage_login", "driver_credential", "database_login")
"""The arguments of `planned` that are not parts of the spec."""


def planned(version: str = "1.19.1", *user: Tree | UserValues, **spec: Any) -> Tree | Blocked:
    changes = {key: spec.pop(key) for key in INPUTS if key in spec}
    wanted = registry(version, **spec)
    return plan_values(Inputs(wanted, chart(version), release_secrets(*user, **changes)))


def values(version: str = "1.19.1", *user: Tree | UserValues, **spec: Any) -> Tree:
    made = planned(version, *user, **spec)
    assert not isinstance(made, Blocked), made.message
    return made


def refused(*user: Tree | UserValues, version: str = "1.19.1", **spec: Any) -> Blocked:
    made = planned(version, *user, **spec)
    assert isinstance(made, Blocked)
    return made


def leaves(tree: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from leaves(value, (*at, str(key)))
    else:
        yield at, tree


def shown(tree: Any) -> Any:
    """The tree with hidden leaves as stars, as it may be printed."""
    if isinstance(tree, dict):
        return {key: shown(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [shown(value) for value in tree]
    return str(tree) if isinstance(tree, SecretStr) else tree


@pytest.mark.parametrize("version", GOLDEN_VERSIONS)
def test_values_are_the_golden_ones(version: str) -> None:
    golden = GOLDEN / f"{version}.yaml"
    made = yaml.safe_dump(shown(values(version)), sort_keys=True)
    if "GOLDEN" in os.environ:
        golden.write_text(made)
    assert made == golden.read_text(), "run with GOLDEN=1 and read the difference"


@pytest.mark.skipif(not CHARTS, reason="no values files of the chart (HARBOR_CHART_VALUES)")
@pytest.mark.parametrize("path", CHARTS, ids=lambda path: path.stem)
def test_every_rendered_key_exists_in_that_version_of_the_chart(path: Path) -> None:
    text = path.read_text()
    known, commented = yaml.safe_load(text), set(re.findall(r"^\s*#\s*([A-Za-z_]+):", text, re.MULTILINE))
    unknown = []
    for rendered, _ in leaves(values(path.stem)):
        key = rendered[:-1] if "podAnnotations" in rendered else rendered  # the annotation itself is the operator's
        if ".".join(key) not in READ_BY_TEMPLATES and not _exists(known, key) and key[-1] not in commented:
            unknown.append(".".join(key))
    assert unknown == []


def _exists(tree: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return False
        tree = tree[key]
    return True


@pytest.mark.skipif(not CHARTS, reason="no values files of the chart (HARBOR_CHART_VALUES)")
@pytest.mark.parametrize("path", CHARTS, ids=lambda path: path.stem)
def test_top_level_keys_are_those_of_the_chart(path: Path) -> None:
    missing = set(yaml.safe_load(path.read_text())) - set(chart_keys(chart(path.stem).minor))
    assert missing == set()


@pytest.mark.parametrize("minor", range(2, 20))
def test_no_secret_is_shown_and_the_same_inputs_give_the_same_values(minor: int) -> None:
    first, second = values(f"1.{minor}.0"), values(f"1.{minor}.0")
    assert first == second
    secrets = [secret.get_secret_value() for secret in release_secrets().all_secrets]
    assert not [secret for secret in secrets if secret in repr(first)]


def test_values_of_the_newest_chart_hold_no_secret() -> None:
    assert not [path for path, leaf in leaves(values("1.19.1")) if isinstance(leaf, SecretStr)]


def test_values_of_the_oldest_chart_hold_what_it_cannot_read_from_secrets() -> None:
    hidden = {".".join(path) for path, leaf in leaves(values("1.2.0")) if isinstance(leaf, SecretStr)}
    assert hidden == {
        "harborAdminPassword",
        "secretKey",
        "core.secret",
        "jobservice.secret",
        "registry.secret",
        "database.external.password",
        "redis.external.password",
        "persistence.imageChartStorage.swift.password",
    }


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        ({"expose": {"type": "clusterIP"}}, "the Service of nginx"),
        ({"cache": None, "cache_password": None}, "the Service of the chart's Redis"),
    ],
)
def test_a_list_of_ip_families_that_the_chart_cannot_render_is_refused(spec: dict[str, Any], cause: str) -> None:
    families: Tree = {"ipFamily": {"policy": "RequireDualStack", "families": ["IPv6", "IPv4"]}}
    found = refused(families, **spec)
    assert cause in found.message
    assert "`ipFamily.policy`" in found.message
    assert values("1.19.1", {"ipFamily": {"policy": "RequireDualStack"}}, **spec)["ipFamily"]
    assert values("1.19.1", families)["ipFamily"] == families["ipFamily"]


def test_redis_password_goes_by_environment_where_the_chart_allows_it() -> None:
    made = values("1.13.0")
    assert "password" not in made["redis"]["external"]
    assert [variable["name"] for variable in made["core"]["extraEnvVars"]] == ["_REDIS_URL_CORE", "_REDIS_URL_REG"]
    assert values("1.12.0")["redis"]["external"]["password"].get_secret_value() == CACHE_PASSWORD


def test_trivy_makes_the_chart_build_its_own_redis_urls() -> None:
    made = values("1.19.1", {"trivy": {"enabled": True}})
    assert made["trivy"] == {"enabled": True}
    assert made["redis"]["external"]["password"].get_secret_value() == CACHE_PASSWORD
    assert "extraEnvVars" not in made["core"]


def test_redis_without_a_password_is_plain() -> None:
    made = values(cache={"addresses": ["r:6379"]}, cache_password=None)
    assert "password" not in made["redis"]["external"]
    assert "extraEnvVars" not in made["core"]


def test_sentinel_addresses_become_one_list() -> None:
    made = values(cache={"addresses": ["a:1", "b:2"], "sentinelMaster": "mymaster"}, cache_password=None)
    assert made["redis"]["external"]["addr"] == "a:1,b:2"
    assert made["redis"]["external"]["sentinelMasterSet"] == "mymaster"


def test_chart_runs_internal_servers_when_sections_are_absent() -> None:
    made = values(database=None, cache=None, storage=None, cache_password=None, storage_login=None)
    assert made["database"]["type"] == made["redis"]["type"] == "internal"
    assert made["database"]["internal"]["password"] == release_secrets().generated[GeneratedSecret.INTERNAL_DATABASE]
    assert made["persistence"]["imageChartStorage"]["type"] == "filesystem"
    assert made["updateStrategy"] == {"type": "Recreate"}


def test_filesystem_claims_a_volume_and_keeps_it_by_default() -> None:
    storage = {"filesystem": {"size": "100Gi", "storageClassName": "fast"}}
    made = values(storage=storage, storage_login=None)["persistence"]
    assert made["persistentVolumeClaim"]["registry"] == {"size": "100Gi", "storageClass": "fast"}
    assert made["resourcePolicy"] == "keep"
    dropped = values(storage=storage, storage_login=None, deletionPolicy={"storage": "Delete"})["persistence"]
    assert dropped["resourcePolicy"] == ""


def test_tls_in_front_of_the_cluster_turns_redirects_off() -> None:
    made = values(expose={"type": "ingress"})["expose"]
    assert made["tls"] == {"enabled": False}
    assert made["ingress"]["annotations"]["nginx.ingress.kubernetes.io/ssl-redirect"] == "false"
    assert "ingress" not in values(expose={"type": "clusterIP"})["expose"]


@pytest.mark.parametrize(
    ("url", "host"),
    [("https://cr.example.com:8443", "cr.example.com"), ("https://[fd00::1]:8443", ""), ("https://192.0.2.1", "")],
)
def test_an_ingress_has_no_host_for_an_address(url: str, host: str) -> None:
    assert values(externalURL=url)["expose"]["ingress"]["hosts"] == {"core": host}


def test_a_changed_secret_changes_the_pods_that_read_it_and_no_others() -> None:
    before, after = values(), values(storage_login=None)
    keyed_digest = "harbor-operator.io/secrets"
    assert before["registry"]["podAnnotations"][keyed_digest] != after["registry"]["podAnnotations"][keyed_digest]
    assert before["core"]["podAnnotations"][keyed_digest] == after["core"]["podAnnotations"][keyed_digest]


def test_no_ca_no_bundle() -> None:
    made = values(ca_bundle="")
    assert "caBundleSecretName" not in made
    assert "caBundleSecretName" not in made["persistence"]["imageChartStorage"]


def test_user_values_override_defaults_and_join_owned_values() -> None:
    own = {
        "registry": {"relativeurls": False, "replicas": 3},
        "core": {"podAnnotations": {"team": "a"}, "extraEnvVars": [{"name": "X", "value": "1"}]},
        "expose": {"ingress": {"annotations": {"a/b": "c"}}},
        "metrics": {"enabled": True},
    }
    made = values("1.19.1", own)
    assert made["registry"]["relativeurls"] is False
    assert made["registry"]["replicas"] == 3
    assert made["core"]["podAnnotations"]["team"] == "a"
    assert [v["name"] for v in made["core"]["extraEnvVars"]] == ["X", "_REDIS_URL_CORE", "_REDIS_URL_REG"]
    assert made["expose"]["ingress"]["annotations"]["a/b"] == "c"
    assert made["metrics"] == {"enabled": True}


def test_later_values_win_over_earlier_ones() -> None:
    made = values("1.19.1", {"logLevel": "debug", "core": {"replicas": 2}}, {"core": {"replicas": 3}})
    assert made["logLevel"] == "debug"
    assert made["core"]["replicas"] == 3


def test_a_secret_value_is_accepted_from_a_secret_and_not_printed() -> None:
    parsed = parse_values("Secret 'extra' key 'values.yaml'", "trivy: {gitHubToken: tokentoken}", secret=True)
    assert isinstance(parsed, UserValues)
    made = values("1.19.1", parsed)
    assert "tokentoken" not in repr(made)
    assert made["trivy"]["gitHubToken"].get_secret_value() == "tokentoken"


def test_features_are_distinct() -> None:
    assert len({feature.key for feature in Feature}) == len(Feature)
