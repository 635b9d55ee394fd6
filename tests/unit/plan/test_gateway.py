"""The HTTPRoute of a release in the chart values: its Gateways, its hosts, its label."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.model.gateway import GatewayRef
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import DesiredRelease
from harbor_operator.plan.gateway import gateways, route_hosts
from harbor_operator.plan.release import plan_release
from tests.fakes.release import registry, release_secrets

PULL: dict[str, Any] = {"credential": {"robot": {}}}
PARENTS = [{"name": "public", "namespace": "networking", "sectionName": "https"}, {"name": "internal"}]
EXPOSE: dict[str, Any] = {"type": "route", "parentRefs": PARENTS}


def planned(version: str = "1.19.1", user: dict[str, Any] | None = None, **spec: Any) -> DesiredRelease | Blocked:
    wanted = registry(version, **{"expose": EXPOSE, **spec})
    assert wanted.spec.release
    return plan_release(wanted, wanted.spec.release, release_secrets(*([user] if user else [])))


def test_the_chart_gets_the_gateways_the_hosts_and_a_label_to_find_the_route() -> None:
    made = planned()
    assert isinstance(made, DesiredRelease)
    assert made.values["expose"] == {
        "type": "route",
        "tls": {"enabled": False},
        "route": {
            "parentRefs": PARENTS,
            "hosts": ["cr.example.com"],
            "labels": {"harbor-operator.io/registry-name": "cr"},
        },
    }


def test_a_chart_without_the_gateway_api_is_refused() -> None:
    assert isinstance(planned("1.18.0"), DesiredRelease)
    made = planned("1.17.4")
    assert isinstance(made, Blocked)
    assert "`spec.expose.parentRefs`" in made.message


@pytest.mark.parametrize(
    ("route", "field"),
    [({"parentRefs": [{"name": "mine"}]}, "`spec.expose.parentRefs`"), ({"hosts": ["other"]}, "`spec.externalURL`")],
)
def test_values_that_belong_to_the_spec_are_refused(route: dict[str, Any], field: str) -> None:
    made = planned(user={"expose": {"route": route}})
    assert isinstance(made, Blocked)
    assert field in made.message


def test_labels_and_annotations_of_the_user_stay() -> None:
    made = planned(user={"expose": {"route": {"labels": {"team": "a"}, "annotations": {"a": "b"}}}})
    assert isinstance(made, DesiredRelease)
    assert made.values["expose"]["route"]["labels"]["team"] == "a"
    assert made.values["expose"]["route"]["annotations"] == {"a": "b"}


@pytest.mark.parametrize(
    ("url", "extra", "hosts"),
    [
        ("https://CR.example.com:8443", [], ["cr.example.com"]),
        (
            "https://cr.example.com",
            ["mirror.example.com:5000", "cr.example.com"],
            ["cr.example.com", "mirror.example.com"],
        ),
        ("https://192.0.2.1", [], []),
        ("https://192.0.2.1", ["cr.example.com"], []),
        ("https://[2001:db8::1]:8443", ["[2001:db8::2]:443", "cr.example.com"], []),
        ("https://cr.example.com", ["192.0.2.1", "[2001:db8::2]:443"], ["cr.example.com"]),
    ],
)
def test_the_hosts_are_names_without_a_port_or_every_host(url: str, extra: list[str], hosts: list[str]) -> None:
    """An HTTPRoute takes neither an address nor a port; without a name it is for every host, also for the address."""
    assert route_hosts(registry(externalURL=url, pullSecrets={**PULL, "extraHosts": extra})) == hosts


def test_each_gateway_has_its_listeners_and_its_default_namespace_is_that_of_the_registry() -> None:
    parents = [*PARENTS, {"name": "public", "namespace": "networking", "sectionName": "http"}]
    wanted = registry(expose={"type": "route", "parentRefs": parents})
    assert gateways(wanted) == {
        GatewayRef("networking", "public"): ["https", "http"],
        GatewayRef("intra", "internal"): [],
    }
