"""The effect of the policy on a real API server: which service accounts it mutates, and how."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from harbor_operator.adapters.admission import VERSION
from harbor_operator.adapters.kube_api import RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.model.admission import DesiredPolicy
from harbor_operator.plan.admission import plan_admission
from harbor_operator.plan.selection import is_selected
from lab.controlplane import ControlPlane
from lab.process import scaled
from tests.contract.conftest import skip_without_admission_policies
from tests.fakes.admission import asking, desired_policies

pytestmark = pytest.mark.lab

INJECT = "harbor-operator.io/inject"
ANNOTATION = "harbor-operator.io/attached"


class DryRuns:
    """Creates service accounts with dryRun: the server answers with the mutated object and stores nothing."""

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

    async def add_namespace(self, name: str, labels: dict[str, str], inject: str = "") -> None:
        annotations = {INJECT: inject} if inject else {}
        manifest = {"metadata": {"name": name, "labels": labels, "annotations": annotations}}
        await self._http.request("POST", "/api/v1/namespaces", body=RequestBody.plain(manifest))

    async def create(self, namespace: str, name: str = "builder", **account: Any) -> dict[str, Any]:
        metadata = {"name": name, **account.pop("metadata", {})}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        body = RequestBody.plain({"metadata": metadata, **account})
        created = await self._http.request("POST", path, params={"dryRun": "All"}, body=body)
        assert isinstance(created, dict), created
        return created

    async def wait_for(self, secret_name: str, namespace: str = "canary") -> None:
        """Returns once the policy that attaches this Secret is active."""
        await self._until(namespace, lambda attached: secret_name in attached)

    async def wait_for_nothing(self) -> None:
        """Returns once no policy is active; the server learns of a deletion later, and other tests use it as well."""
        await self._until("canary", lambda attached: not attached)

    async def _until(self, namespace: str, reached: Callable[[list[str]], bool]) -> None:
        async with asyncio.timeout(scaled(30)):
            while not reached(references(await self.create(namespace))):  # noqa: ASYNC110 - the server's own event
                await asyncio.sleep(0.05)


def references(account: dict[str, Any]) -> list[str]:
    return [entry.get("name", "") for entry in account.get("imagePullSecrets", [])]


def annotation(account: dict[str, Any]) -> str | None:
    found: str | None = account["metadata"].get("annotations", {}).get(ANNOTATION)
    return found


@pytest.fixture
async def dry_runs(plane: ControlPlane) -> AsyncIterator[DryRuns]:
    skip_without_admission_policies(plane)
    async with KubernetesClient(from_kubeconfig(plane.kubeconfig)) as http:
        dry_runs = DryRuns(plane, http)
        await dry_runs.add_namespace("canary", {"team": "a", "pull": "yes"})
        yield dry_runs
        plane.kubectl("delete", "mutatingadmissionpolicies,mutatingadmissionpolicybindings", "--all")
        await dry_runs.wait_for_nothing()


async def test_a_new_account_gets_reference_and_annotation(dry_runs: DryRuns) -> None:
    dry_runs.put(*desired_policies(serviceAccounts=["builder"], secretName="pull"))
    await dry_runs.wait_for("pull")
    plain = await dry_runs.create("canary")
    assert (references(plain), annotation(plain)) == (["pull"], "pull")
    theirs = await dry_runs.create("canary", imagePullSecrets=[{"name": "zebra"}, {}, {"name": "apple"}])
    assert references(theirs) == ["zebra", "", "apple", "pull"]
    existing = await dry_runs.create("canary", imagePullSecrets=[{"name": "pull"}, {"name": "last"}])
    assert (references(existing), annotation(existing)) == (["pull", "last"], None)
    other = await dry_runs.create("canary", "default-2")
    assert (references(other), annotation(other)) == ([], None)


@pytest.mark.parametrize(
    ("before", "after"),
    [("", "pull"), ("other", "other,pull"), ("other,,pull,third", "other,third,pull"), ("pull", "pull")],
)
async def test_an_existing_annotation_is_extended(dry_runs: DryRuns, before: str, after: str) -> None:
    dry_runs.put(*desired_policies(serviceAccounts=["*"], secretName="pull"))
    await dry_runs.wait_for("pull")
    account = await dry_runs.create("canary", metadata={"annotations": {ANNOTATION: before, "theirs": "kept"}})
    assert annotation(account) == after
    assert account["metadata"]["annotations"]["theirs"] == "kept"


async def test_two_registries_attach_both_secrets(dry_runs: DryRuns) -> None:
    dry_runs.put(*desired_policies(serviceAccounts=["*"], secretName="one"))
    dry_runs.put(*desired_policies("other", serviceAccounts=["*"], secretName="two"))
    await dry_runs.wait_for("one")
    await dry_runs.wait_for("two")
    account = await dry_runs.create("canary", imagePullSecrets=[{"name": "theirs"}])
    assert sorted(references(account)) == ["one", "theirs", "two"]
    assert references(account)[0] == "theirs"
    assert sorted((annotation(account) or "").split(",")) == ["one", "two"]


NAMESPACES: dict[str, dict[str, str]] = {
    "kube-excluded": {"team": "a", "pull": "yes"},
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


async def test_the_server_selects_the_namespaces_that_the_injector_selects(dry_runs: DryRuns) -> None:
    for name, labels in NAMESPACES.items():
        await dry_runs.add_namespace(name, labels)
    for number, selection in enumerate(SELECTIONS):
        wanted = asking(serviceAccounts=["*"], secretName=f"s-{number}", namespaces=selection)
        section = wanted.spec.pull_secrets
        assert section is not None
        dry_runs.put(*plan_admission(wanted, section))
        await dry_runs.wait_for(section.secret_name)
        for name, labels in NAMESPACES.items():
            is_attached = section.secret_name in references(await dry_runs.create(name))
            assert is_attached is (is_selected(section.namespaces, name, labels) and name != "kube-excluded"), (
                name,
                selection,
            )


@pytest.mark.parametrize("opt_in", [False, True])
async def test_the_server_follows_the_annotation_as_the_injector_does(dry_runs: DryRuns, opt_in: bool) -> None:
    # A name of its own: a policy that an earlier test has removed can act for a moment longer.
    wanted = asking(serviceAccounts=["*"], secretName=f"pull-{opt_in}".lower(), namespaces={"optIn": opt_in})
    section = wanted.spec.pull_secrets
    assert section is not None
    chosen = {f"{value or 'silent'}-{opt_in}".lower(): value for value in ("", "enabled", "disabled", "yes")}
    for name, value in chosen.items():
        await dry_runs.add_namespace(name, {}, value)
    dry_runs.put(*plan_admission(wanted, section))
    await dry_runs.wait_for(section.secret_name, f"enabled-{opt_in}".lower())
    for name, value in chosen.items():
        is_attached = section.secret_name in references(await dry_runs.create(name))
        assert is_attached is is_selected(section.namespaces, name, {}, value), name
    opted_out = await dry_runs.create(f"enabled-{opt_in}".lower(), metadata={"annotations": {INJECT: "disabled"}})
    assert (references(opted_out), annotation(opted_out)) == ([], None)


async def test_an_error_in_the_policy_does_not_block_accounts(dry_runs: DryRuns) -> None:
    policy, binding = desired_policies(serviceAccounts=["*"], secretName="pull")
    patch = '[JSONPatch{op: "add", path: "/nowhere/at/all", value: 1}]'
    spoiled = {"mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}]}
    broken = {"matchConditions": [{"name": "broken", "expression": "[1][2] == 3"}]}
    errors: list[dict[str, Any]] = [spoiled, broken]
    for number, error in enumerate(errors):
        dry_runs.put(replace(policy, spec={**policy.spec, **error}), binding)
        # A policy that is created later becomes active no sooner.
        dry_runs.put(*desired_policies("later", serviceAccounts=["*"], secretName=f"later-{number}"))
        await dry_runs.wait_for(f"later-{number}")
        assert references(await dry_runs.create("canary")) == [f"later-{number}"]
