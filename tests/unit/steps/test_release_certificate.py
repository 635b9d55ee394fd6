"""A renewed certificate restarts the chart's nginx, which reads it once, and nothing else."""

from __future__ import annotations

import pytest

from harbor_operator.model.outcomes import Done, Pending
from harbor_operator.model.release import Tree
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import FIRST_CERTIFICATE_KEY
from tests.fakes.release import NAMESPACE
from tests.fakes.release_fixture import ReleaseFixture


@pytest.fixture
def cr() -> ReleaseFixture:
    fixture = ReleaseFixture()
    fixture.spec(expose={"type": "clusterIP", "tlsSecretName": "cr-tls"})
    issue(fixture, "first")
    return fixture


def issue(cr: ReleaseFixture, certificate: str) -> None:
    cr.kube.put(NAMESPACE, "cr-tls", {"tls.crt": certificate, "tls.key": f"key of {certificate}"})


async def pods(cr: ReleaseFixture) -> Tree:
    values = (await cr.desired()).values
    return {component: values.get(component, {}).get("podAnnotations") for component in ("nginx", "core", "registry")}


async def test_a_renewed_certificate_restarts_nginx(cr: ReleaseFixture) -> None:
    await cr.deployed()
    assert isinstance(await cr.reconcile(), Done)
    before = await pods(cr)
    assert before["nginx"] is None

    issue(cr, "second")
    assert isinstance(await cr.reconcile(), Pending)
    cr.finish()
    assert isinstance(await cr.reconcile(), Done)
    after = await pods(cr)
    assert after["nginx"]
    assert {**after, "nginx": None} == before
    cr.kube.writes.clear()
    assert isinstance(await cr.reconcile(), Done)
    assert cr.kube.writes == []

    issue(cr, "third")
    assert (await pods(cr))["nginx"] not in (None, after["nginx"])


async def test_a_release_of_an_earlier_operator_restarts_nothing(cr: ReleaseFixture) -> None:
    await cr.deployed()
    stored = dict(cr.kube.values(NAMESPACE, "hreg-cr-pins"))
    del stored[FIRST_CERTIFICATE_KEY]
    cr.kube.put(NAMESPACE, "hreg-cr-pins", stored, names.owner_labels(cr.registry))
    assert isinstance(await cr.reconcile(), Done)
    assert len(cr.revisions()) == 1
    issue(cr, "second")
    assert isinstance(await cr.reconcile(), Pending)


async def test_an_ingress_reads_its_certificate_itself(cr: ReleaseFixture) -> None:
    cr.spec(expose={"type": "ingress", "tlsSecretName": "cr-tls"})
    await cr.deployed()
    issue(cr, "second")
    assert isinstance(await cr.reconcile(), Done)
    assert len(cr.revisions()) == 1


async def test_a_certificate_that_does_not_exist_yet_is_left_to_the_pod(cr: ReleaseFixture) -> None:
    del cr.kube.secrets[NAMESPACE, "cr-tls"]
    await cr.deployed()
    assert isinstance(await cr.reconcile(), Done)
    issue(cr, "first")
    assert isinstance(await cr.reconcile(), Done)
    assert len(cr.revisions()) == 1
