"""Section `internalTLS` of the values: with the operator's certificates, and with those of the user."""

from __future__ import annotations

import pytest

from harbor_operator.api.charts import find_chart
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import Tree, UserValues
from harbor_operator.plan.values import plan_values
from harbor_operator.plan.values.inputs import Inputs
from harbor_operator.plan.values.internal_tls import plan_certificates
from tests.fakes.release import registry, release_secrets

CERTIFICATES = {name: f"PEM of {name}" for name in ("core", "jobservice", "registry", "portal")}


def planned(*user: Tree, version: str = "1.19.1") -> Tree | Blocked:
    chart = find_chart(version)
    assert chart
    secrets = release_secrets(*user, certificates=CERTIFICATES)
    return plan_values(Inputs(registry(version, internalTLS={}), chart, secrets))


def names_of(user: Tree, version: str = "1.19.1", release: str = "") -> dict[str, tuple[str, ...]]:
    chart = find_chart(version)
    assert chart
    wanted = registry(release={"version": version, "name": release})
    return plan_certificates(wanted, chart, [UserValues("`spec.release.values`", user)])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"certSource": "auto"}, "`internalTLS.certSource`"),
        ({"enabled": False}, "`internalTLS.enabled`"),
        ({"core": {"secretName": "mine"}}, "`internalTLS.core.secretName`"),
    ],
)
def test_a_value_that_contradicts_the_spec_is_refused(given: Tree, message: str) -> None:
    made = planned({"internalTLS": given})
    assert isinstance(made, Blocked)
    assert message in made.message


def test_equal_values_and_the_ciphers_are_the_users() -> None:
    made = planned({"internalTLS": {"enabled": True, "strong_ssl_ciphers": True}})
    assert not isinstance(made, Blocked), made.message
    assert made["internalTLS"]["strong_ssl_ciphers"] is True
    assert made["internalTLS"]["certSource"] == "secret"


def test_an_annotation_of_the_user_stays() -> None:
    made = planned({"portal": {"podAnnotations": {"team": "a"}}})
    assert not isinstance(made, Blocked), made.message
    assert len(made["portal"]["podAnnotations"]) == 2


def test_an_old_chart_without_the_exporter_has_no_value_for_it() -> None:
    made = planned(version="1.5.5")
    assert not isinstance(made, Blocked), made.message
    assert "exporter" not in made


def test_optional_processes_have_a_certificate_only_if_they_run() -> None:
    assert set(names_of({})) == {"core", "jobservice", "registry", "portal"}
    assert set(names_of({"trivy": {"enabled": True}})) == {*names_of({}), "trivy"}
    optional = {name: {"enabled": True} for name in ("trivy", "chartmuseum", "clair")}
    assert set(names_of(optional, "1.5.5")) == {*names_of({}), *optional}
    assert set(names_of(optional)) == {*names_of({}), "trivy"}


@pytest.mark.parametrize(
    ("release", "user", "core"),
    [
        ("", {}, "cr-harbor-core"),
        ("my-harbor", {}, "my-harbor-core"),
        ("", {"nameOverride": "images"}, "cr-images-core"),
        ("", {"fullnameOverride": "images"}, "images-core"),
        ("", {"fullnameOverride": "", "nameOverride": ""}, "cr-harbor-core"),
        ("r" * 53, {"nameOverride": "a-b-c-d-e-f"}, f"{'r' * 53}-a-b-c-d-e-core"),
    ],
)
def test_the_names_of_services_are_derived_as_the_chart_does(release: str, user: Tree, core: str) -> None:
    assert names_of(user, release=release)["core"][0] == core


@pytest.mark.parametrize("version", ["1.4.6", "1.6.4"])
@pytest.mark.parametrize(
    ("release", "user", "core"),
    [
        ("", {}, "cr-harbor-core"),
        ("my-harbor", {}, "my-harbor-harbor-core"),
        ("my-images", {"nameOverride": "images"}, "my-images-images-core"),
        ("harbor", {"fullnameOverride": "images"}, "harbor-harbor-core"),
    ],
)
def test_charts_before_1_7_repeat_a_name_that_the_release_contains(
    version: str, release: str, user: Tree, core: str
) -> None:
    assert names_of(user, version, release)["core"][0] == core
