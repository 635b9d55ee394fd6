"""A new login of the database restarts what reads it, in the order in which it is read."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.model.outcomes import Done, Pending
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import CORE_LOGIN_KEY
from harbor_operator.reasons import Reason
from tests.fakes.release import NAMESPACE
from tests.fakes.release_fixture import READY, ReleaseFixture


@pytest.fixture
def cr() -> ReleaseFixture:
    return ReleaseFixture()


async def restarted(cr: ReleaseFixture, before: dict[str, Any]) -> set[str]:
    """Returns the components whose pods start again with the desired values."""
    after = await pod_annotations(cr)
    return {component for component, value in after.items() if value != before[component]}


async def pod_annotations(cr: ReleaseFixture) -> dict[str, Any]:
    values = (await cr.desired()).values
    return {
        component: values[component]["podAnnotations"] for component in ("core", "jobservice", "registry", "exporter")
    }


def give_login(cr: ReleaseFixture, username: str, password: str) -> None:
    login = {"username": username, "password": password}
    cr.kube.put(NAMESPACE, names.database_secret(cr.registry), login, names.owner_labels(cr.registry))


async def test_jobservice_starts_again_after_core_has_the_new_login(cr: ReleaseFixture) -> None:
    """Jobservice reads the login from core, once: together with core, it would get the old one from the old pod."""
    await cr.deployed()
    assert isinstance(await cr.reconcile(), Done)
    first = await pod_annotations(cr)
    give_login(cr, "harbor_intra_cr", "another0password")
    assert await restarted(cr, first) == {"core", "exporter"}
    assert isinstance(await cr.reconcile(), Pending)
    cr.finish()
    cr.workloads()
    waiting = await cr.reconcile()
    assert isinstance(waiting, Pending)
    assert waiting.reason is Reason.WORKLOADS_NOT_READY
    second = await pod_annotations(cr)

    cr.workloads(*READY)
    rolled = await cr.reconcile()
    assert isinstance(rolled, Pending)
    assert "jobservice, which gets it from core, starts again" in rolled.message
    assert await restarted(cr, second) == {"jobservice"}
    assert isinstance(await cr.reconcile(), Pending)
    cr.finish()
    assert isinstance(await cr.reconcile(), Done)
    cr.kube.writes.clear()
    assert isinstance(await cr.reconcile(), Done)
    assert cr.kube.writes == []
    assert len(cr.revisions()) == 3


async def test_a_new_release_restarts_nothing(cr: ReleaseFixture) -> None:
    await cr.deployed()
    cr.kube.writes.clear()
    assert isinstance(await cr.reconcile(), Done)
    assert cr.kube.writes == []
    assert len(cr.revisions()) == 1


async def test_a_release_of_an_earlier_operator_restarts_nothing(cr: ReleaseFixture) -> None:
    await cr.deployed()
    before = await pod_annotations(cr)
    stored = dict(cr.kube.values(NAMESPACE, "hreg-cr-pins"))
    del stored[CORE_LOGIN_KEY]
    cr.kube.put(NAMESPACE, "hreg-cr-pins", stored, names.owner_labels(cr.registry))
    assert isinstance(await cr.reconcile(), Done)
    assert await restarted(cr, before) == set()
    cr.kube.writes.clear()
    assert isinstance(await cr.reconcile(), Done)
    assert cr.kube.writes == []
    assert len(cr.revisions()) == 1
