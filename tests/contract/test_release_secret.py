"""A stored release that another client has changed reaches nothing beyond its namespace, and the status says so.

Finding S1b was that `edit` in the namespace of a registry sufficed: Helm believes its release Secrets.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harbor_operator.model.outcomes import Blocked, Outcome, Pending
from harbor_operator.model.release import ListedObject
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from tests.contract.release_attack import CANARIES, VICTIM, Attack, attacking, canary
from tests.fakes.release import NAMESPACE, registry

pytestmark = pytest.mark.lab


@pytest.fixture
async def attack(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Attack]:
    async with attacking(plane, tmp_path) as attack:
        yield attack


async def tampered(attack: Attack) -> str:
    """A deployed release whose Secret lists the objects of the victim as its own; its chart."""
    chart = attack.chart("")
    await attack.site.reconcile(chart)
    listed = "".join(f"\n---\n{json.dumps(canary(name))}" for name in CANARIES)
    attack.tamper(manifest=listed, namespace=VICTIM)
    return chart


def assert_named(outcome: Outcome) -> None:
    assert isinstance(outcome, Blocked), outcome
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert "Secret 'sh.helm.release.v1.cr.v1' says" in outcome.message
    assert f"Secret 'hreg-cr-pins' in namespace '{VICTIM}'" in outcome.message
    assert f"ServiceAccount '{NAMESPACE}/harbor-release' must not read" in outcome.message


async def test_an_upgrade_deletes_nothing_that_a_changed_release_secret_lists(attack: Attack) -> None:
    """Finding S1b: an upgrade deletes what the stored manifest has and the new one has not.

    Helm takes what it cannot read for gone, so that it would report success.
    """
    chart = await tampered(attack)
    assert_named(await attack.report(chart, {"logLevel": "warning"}))
    assert await attack.site.statuses() == ["deployed"]
    assert attack.changed() == []


async def test_an_uninstall_deletes_nothing_that_a_changed_release_secret_lists(attack: Attack) -> None:
    """Finding S1b: an uninstall deletes what the stored manifest lists and the stored namespace owns.

    Helm skips objects that it cannot read, so that it would report success.
    """
    await tampered(attack)
    assert_named(await attack.site.step.teardown(registry()))
    assert await attack.site.statuses() == ["deployed"]
    assert attack.changed() == []


@pytest.mark.parametrize("verb", ["upgrade", "uninstall"])
async def test_helm_itself_deletes_nothing_that_its_account_must_not_read(attack: Attack, verb: str) -> None:
    """Finding S1b: the Secret is changed after the operator has looked."""
    chart = await tampered(attack)
    attack.helm.comes_late = True
    if verb == "upgrade":
        await attack.report(chart, {"logLevel": "warning"})
    else:
        await attack.uninstall()
    assert await attack.site.statuses() == (["superseded", "deployed"] if verb == "upgrade" else [])
    assert attack.changed() == []


async def test_the_api_server_says_what_an_account_must_not_read(attack: Attack) -> None:
    async def find(*objects: ListedObject) -> ListedObject | None:
        return await attack.helm.find_unreadable(NAMESPACE, "harbor-release", objects)

    own, unknown = ListedObject("v1", "ConfigMap", "a", NAMESPACE), ListedObject("a.example.com/v1", "B", "a", VICTIM)
    foreign, cluster = (
        ListedObject("apps/v1", "Deployment", "a", VICTIM),
        ListedObject("rbac.authorization.k8s.io/v1", "ClusterRole", "a", NAMESPACE),
    )
    assert await find(own, unknown) is None
    assert await find(own, foreign, cluster) == foreign
    assert await find(own, cluster) == cluster
    role = {"--verb=get", "--resource=deployments.apps", "--resource-name=a"}
    attack.plane.kubectl("-n", VICTIM, "create", "role", "named", *role)
    account = f"--serviceaccount={NAMESPACE}:harbor-release"
    attack.plane.kubectl("-n", VICTIM, "create", "rolebinding", "named", "--role=named", account)
    other = ListedObject("apps/v1", "Deployment", "b", VICTIM)
    assert await find(foreign, other) == other
    attack.plane.kubectl("-n", VICTIM, "delete", "role,rolebinding", "named")


async def test_an_uninstall_runs_no_stored_hook_against_another_namespace(attack: Attack) -> None:
    """Finding S1b: hooks of a stored release ran with the operator's rights at the uninstall."""
    await attack.site.reconcile(attack.chart(""))
    hook = {
        "name": "hook",
        "kind": "Secret",
        "path": "harbor/templates/hook.yaml",
        "manifest": json.dumps(canary("secret")),
        "events": ["pre-delete"],
        "delete_policies": ["before-hook-creation", "hook-succeeded"],
    }
    attack.tamper(hooks=[hook])
    await attack.uninstall()
    outcome = await attack.site.step.teardown(registry())
    assert isinstance(outcome, Pending), outcome
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert f"secrets 'hreg-cr-pins' in namespace '{VICTIM}'" in outcome.message
    assert attack.changed() == []
