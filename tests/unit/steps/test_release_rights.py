"""An object that the account of a release must not read is reported before Helm passes over it."""

from __future__ import annotations

import json

import pytest

from harbor_operator.model.outcomes import Blocked, Pending
from harbor_operator.model.release import ListedObject
from harbor_operator.reasons import Reason
from tests.fakes.release_fixture import READY, ReleaseFixture

VICTIM = ListedObject("v1", "Secret", "pins", "victim")
OURS = ListedObject("apps/v1", "Deployment", "cr-core", "intra")


def manifest(*objects: ListedObject) -> str:
    return "".join(
        "---\n"
        + json.dumps(
            {"apiVersion": o.api_version, "kind": o.kind, "metadata": {"name": o.name, "namespace": o.namespace}}
        )
        + "\n"
        for o in objects
    )


@pytest.fixture
async def cr() -> ReleaseFixture:
    """A deployed release whose Secret lists an object of another namespace."""
    fixture = ReleaseFixture()
    await fixture.reconcile()
    run = fixture.helm._runs.pop(("intra", "cr"))
    assert run.desired
    fixture.helm.write_revision(run.desired, "deployed", manifest=manifest(OURS, VICTIM))
    fixture.workloads(*READY)
    return fixture


async def test_an_upgrade_that_would_skip_an_object_does_not_run(cr: ReleaseFixture) -> None:
    """Finding S1b."""
    cr.helm.unreadable = {VICTIM}
    cr.spec(release={"version": "1.19.1", "values": {"logLevel": "debug"}})
    outcome = await cr.reconcile()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert "'sh.helm.release.v1.cr.v1'" in outcome.message
    assert "Secret 'pins' in namespace 'victim'" in outcome.message
    assert outcome.facts.release_revision == 1
    assert len(cr.helm.started) == 1
    cr.helm.unreadable = set()
    assert (await cr.reconcile()).reason is Reason.RELEASE_UPGRADING


async def test_an_uninstall_that_would_skip_an_object_does_not_run(cr: ReleaseFixture) -> None:
    """Finding S1b."""
    cr.helm.unreadable = {VICTIM}
    outcome = await cr.teardown()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RIGHTS_MISSING
    cr.helm.unreadable = set()
    assert isinstance(await cr.teardown(), Pending)


async def test_a_right_that_the_account_has_lost_has_a_remedy(cr: ReleaseFixture) -> None:
    cr.helm.unreadable = {OURS}
    outcome = await cr.teardown()
    assert "kubectl -n intra create rolebinding" in str(outcome)


async def test_the_deployed_revision_counts_after_a_failed_upgrade(cr: ReleaseFixture) -> None:
    """Helm compares with the last deployed revision, not with the failed one."""
    cr.spec(release={"version": "1.19.1", "values": {"logLevel": "debug"}})
    await cr.reconcile()
    cr.finish("Error: UPGRADE FAILED: no luck")
    cr.spec(release={"version": "1.19.1", "values": {"logLevel": "warning"}})
    cr.helm.unreadable = {VICTIM}
    assert (await cr.reconcile()).reason is Reason.RIGHTS_MISSING
