"""A chart that reaches beyond its namespace is refused by the API server, and the status says so.

The operator has exactly the shipped rights, and the victim is the namespace of another registry: that is where the
operator's own rights reach. Finding S1 was that Helm had those rights.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harbor_operator.model.outcomes import Outcome, Pending
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from lab.operator import NAMESPACE as OPERATOR
from lab.process import LabError
from tests.contract.helm_fixture import ended
from tests.contract.release_attack import CANARIES, HOOK, VALUE, VICTIM, Attack, attacking, canary
from tests.fakes.release import NAMESPACE, registry

pytestmark = pytest.mark.lab


@pytest.fixture
async def attack(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Attack]:
    async with attacking(plane, tmp_path) as attack:
        yield attack


def assert_refused(outcome: Outcome, resource: str) -> None:
    assert isinstance(outcome, Pending), outcome
    assert outcome.reason is Reason.RIGHTS_MISSING, outcome
    assert f"ServiceAccount '{NAMESPACE}/harbor-release' must not" in outcome.message
    assert resource in outcome.message
    assert f"in namespace '{VICTIM}'" in outcome.message
    assert VALUE not in outcome.message


async def test_a_chart_reads_no_secret_of_another_namespace(attack: Attack) -> None:
    """Finding S1: `lookup` returned every Secret of every namespace with a registry."""
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: loot}\n"
        f'data: {{loot: {{{{ (lookup "v1" "Secret" "{VICTIM}" "hreg-cr-pins").data | toJson | quote }}}}}}\n'
    )
    assert_refused(await attack.report(attack.chart(template)), "`get` secrets 'hreg-cr-pins'")
    with pytest.raises(LabError, match="not found"):
        attack.plane.kubectl("-n", NAMESPACE, "get", "configmap", "loot")


async def test_a_chart_lists_no_secret_of_the_cluster(attack: Attack) -> None:
    """Finding S1: a cluster-wide `lookup` gets nothing either, not even the names that the operator can list."""
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: loot}\n"
        'data: {loot: {{ (lookup "v1" "Secret" "" "") | toJson | quote }}}\n'
    )
    outcome = await attack.report(attack.chart(template))
    assert outcome.reason is Reason.RIGHTS_MISSING, outcome
    assert "must not `list` secrets in the whole cluster" in outcome.message


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
async def test_a_chart_creates_nothing_in_another_namespace(attack: Attack, kind: str) -> None:
    """Finding S1: a manifest with another `metadata.namespace` was created there."""
    template = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: planted, namespace: {VICTIM}}}\n"
    assert_refused(await attack.report(attack.chart(template)), f"{kind.lower()}s 'planted'")
    with pytest.raises(LabError, match="not found"):
        attack.plane.kubectl("-n", VICTIM, "get", kind, "planted")


@pytest.mark.parametrize("name", CANARIES)
async def test_a_hook_neither_replaces_nor_deletes_what_another_registry_has(attack: Attack, name: str) -> None:
    """Finding S1: Helm creates and deletes hooks without asking whose object of that name exists."""
    outcome = await attack.report(attack.chart(json.dumps(canary(name, HOOK))))
    assert_refused(outcome, f"'{CANARIES[name][2]}'")
    assert attack.changed() == []


async def test_without_the_account_helm_does_not_run(attack: Attack) -> None:
    """Finding S1: there is no way back to the operator's identity."""
    attack.plane.kubectl("-n", NAMESPACE, "delete", "serviceaccount", "harbor-release")
    with pytest.raises(Refused, match=f"`kubectl -n {NAMESPACE} create serviceaccount harbor-release`") as caught:
        await attack.site.reconcile(attack.chart(""))
    assert caught.value.reason is Reason.RELEASE_SERVICE_ACCOUNT_MISSING
    assert await attack.site.statuses() == []


async def test_an_account_that_was_not_opened_to_the_operator_is_out_of_reach(attack: Attack) -> None:
    """Finding S1: a spec cannot name a stronger account of its namespace; the message has the commands that work."""
    account = {"name": "strong", "namespace": NAMESPACE}
    attack.plane.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    spec = {"version": "1.19.1", "chart": attack.chart(""), "serviceAccountName": "strong"}
    strong = registry(release=spec)
    with pytest.raises(Refused, match="must not issue a token of ServiceAccount 'strong'") as caught:
        await attack.site.step.reconcile(strong)
    assert caught.value.reason is Reason.RIGHTS_MISSING
    commands = [part for part in str(caught.value).split("`") if part.startswith("kubectl ")]
    assert len(commands) == 2
    for command in commands:
        attack.plane.kubectl(*command.split()[1:])
    outcome = await attack.site.step.reconcile(strong)
    assert outcome.reason is Reason.RELEASE_INSTALLING, outcome
    await ended(attack.site.helm, "cr")
    outcome = await attack.site.step.reconcile(strong)
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert f"ServiceAccount '{NAMESPACE}/strong' must not" in outcome.message
    assert f"--serviceaccount={NAMESPACE}:strong`" in outcome.message


async def test_the_operator_itself_creates_no_workload(attack: Attack) -> None:
    """Finding S1: what the operator is not allowed to do, no defect of it can do."""
    operator = attack.plane.kubeconfig_for_service_account(OPERATOR, OPERATOR)
    for resource in ("deployments", "statefulsets", "jobs", "pods", "services", "configmaps", "serviceaccounts"):
        with pytest.raises(LabError, match=r"ended with status 1: *$"):
            attack.plane.kubectl("auth", "can-i", "create", resource, "-n", NAMESPACE, kubeconfig=operator)


async def test_a_release_is_made_under_the_shipped_rights(attack: Attack) -> None:
    outcome = await attack.report(attack.chart(""))
    assert outcome.reason is Reason.WORKLOADS_NOT_READY, outcome
