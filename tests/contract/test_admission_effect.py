"""What a real API server makes of the policy: whom it gives the reference, and what it leaves alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from harbor_operator.adapters.admission import VERSION
from harbor_operator.adapters.kube_api import RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_connection import from_kubeconfig
from harbor_operator.model.admission import DesiredPolicy
from harbor_operator.plan.admission import plan_admission
from harbor_operator.plan.selection import is_selected
from lab.controlplane import ControlPlane
from tests.fakes.admission import asking, wishes

pytestmark = pytest.mark.lab

NOTE = "harbor-operator.io/attached"


class Births:
    """Service accounts that are never really made: the server answers what it would make of them."""

    def __init__(self, plane: ControlPlane, http: KubernetesClient) -> None:
        self._plane = plane
        self._http = http

    def put(self, *wanted: DesiredPolicy) -> None:
        for desired in wanted:
            manifest = {
                "apiVersion": VERSION,
                "kind": desired.kind,
                "metadata": {"name": desired.name},
                "spec": desired.spec,
            }
            self._plane.apply(manifest)

    async def add_namespace(self, name: str, labels: dict[str, str]) -> None:
        manifest = {"metadata": {"name": name, "labels": labels}}
        await self._http.request("POST", "/api/v1/namespaces", body=RequestBody.plain(manifest))

    async def bear(self, namespace: str, name: str = "builder", **account: Any) -> dict[str, Any]:
        metadata = {"name": name, **account.pop("metadata", {})}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        body = RequestBody.plain({"metadata": metadata, **account})
        born = await self._http.request("POST", path, params={"dryRun": "All"}, body=body)
        assert isinstance(born, dict), born
        return born

    async def wait_for(self, secret_name: str) -> None:
        """Returns once the policy that gives this is in force."""
        async with asyncio.timeout(30):
            while secret_name not in references(await self.bear("canary")):  # noqa: ASYNC110 - the server's own event
                await asyncio.sleep(0.05)


def references(account: dict[str, Any]) -> list[str]:
    return [entry.get("name", "") for entry in account.get("imagePullSecrets", [])]


def note(account: dict[str, Any]) -> str | None:
    found: str | None = account["metadata"].get("annotations", {}).get(NOTE)
    return found


@pytest.fixture
async def births(plane: ControlPlane) -> AsyncIterator[Births]:
    async with KubernetesClient(from_kubeconfig(plane.kubeconfig)) as http:
        births = Births(plane, http)
        await births.add_namespace("canary", {"team": "a", "pull": "yes"})
        yield births
    plane.kubectl("delete", "mutatingadmissionpolicies,mutatingadmissionpolicybindings", "--all")


async def test_an_account_is_born_with_reference_and_note(births: Births) -> None:
    births.put(*wishes(serviceAccounts=["builder"], secretName="born"))
    await births.wait_for("born")
    plain = await births.bear("canary")
    assert (references(plain), note(plain)) == (["born"], "born")
    theirs = await births.bear("canary", imagePullSecrets=[{"name": "zebra"}, {}, {"name": "apple"}])
    assert references(theirs) == ["zebra", "", "apple", "born"]
    requeue_after = await births.bear("canary", imagePullSecrets=[{"name": "born"}, {"name": "last"}])
    assert (references(requeue_after), note(requeue_after)) == (["born", "last"], None)
    other = await births.bear("canary", "default-2")
    assert (references(other), note(other)) == ([], None)


@pytest.mark.parametrize(
    ("before", "after"),
    [("", "born"), ("other", "other,born"), ("other,,born,third", "other,third,born"), ("born", "born")],
)
async def test_a_note_that_is_there_is_extended(births: Births, before: str, after: str) -> None:
    births.put(*wishes(serviceAccounts=["*"], secretName="born"))
    await births.wait_for("born")
    account = await births.bear("canary", metadata={"annotations": {NOTE: before, "theirs": "kept"}})
    assert note(account) == after
    assert account["metadata"]["annotations"]["theirs"] == "kept"


async def test_two_registries_give_both(births: Births) -> None:
    births.put(*wishes(serviceAccounts=["*"], secretName="one"))
    births.put(*wishes("other", serviceAccounts=["*"], secretName="two"))
    await births.wait_for("one")
    await births.wait_for("two")
    account = await births.bear("canary", imagePullSecrets=[{"name": "theirs"}])
    assert sorted(references(account)) == ["one", "theirs", "two"]
    assert references(account)[0] == "theirs"
    assert sorted((note(account) or "").split(",")) == ["one", "two"]


NAMESPACES: dict[str, dict[str, str]] = {
    "kube-born": {"team": "a", "pull": "yes"},
    "team-a-1": {"team": "a"},
    "team-b-1": {"team": "b", "old": ""},
    "team-b-12": {"team": "b"},
    "x-y": {},
    "x9y": {"pull": "yes", "team": "c"},
}
SELECTIONS: list[dict[str, Any]] = [
    {},
    {"exclude": ["kube-*", "team-?-1", "x[!a-z0-9]y"]},
    {"exclude": ["kube-*", "*-1[2]", "[", "x[0-8]y", "X9Y", 'x"|.*', "x.y"]},
    {"selector": {"matchLabels": {"pull": "yes"}}},
    {"selector": {"matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "b"]}]}, "exclude": ["*b-1"]},
    {"selector": {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["b"]}]}},
    {
        "selector": {
            "matchExpressions": [{"key": "team", "operator": "Exists"}, {"key": "old", "operator": "DoesNotExist"}]
        }
    },
]


async def test_the_server_means_the_namespaces_that_the_injector_means(births: Births) -> None:
    for name, labels in NAMESPACES.items():
        await births.add_namespace(name, labels)
    for number, selection in enumerate(SELECTIONS):
        wanted = asking(serviceAccounts=["*"], secretName=f"s-{number}", namespaces=selection)
        section = wanted.spec.pull_secrets
        assert section is not None
        births.put(*plan_admission(wanted, section))
        await births.wait_for(section.secret_name)
        for name, labels in NAMESPACES.items():
            is_given = section.secret_name in references(await births.bear(name))
            assert is_given is (is_selected(section.namespaces, name, labels) and name != "kube-born"), (
                name,
                selection,
            )


async def test_an_error_in_the_policy_lets_accounts_be_born(births: Births) -> None:
    policy, binding = wishes(serviceAccounts=["*"], secretName="born")
    patch = '[JSONPatch{op: "add", path: "/nowhere/at/all", value: 1}]'
    spoiled = {"mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}]}
    broken = {"matchConditions": [{"name": "broken", "expression": "[1][2] == 3"}]}
    errors: list[dict[str, Any]] = [spoiled, broken]
    for number, error in enumerate(errors):
        births.put(replace(policy, spec={**policy.spec, **error}), binding)
        # What is made later is in force no sooner.
        births.put(*wishes("later", serviceAccounts=["*"], secretName=f"later-{number}"))
        await births.wait_for(f"later-{number}")
        assert references(await births.bear("canary")) == [f"later-{number}"]
