"""A renewed certificate or CA restarts the pods that read it once, when they start, and no others."""

from __future__ import annotations

import pytest

from harbor_operator.model.outcomes import Done, Pending
from harbor_operator.model.release import Tree
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import FIRST_CERTIFICATE_KEY
from tests.fakes.release import NAMESPACE
from tests.fakes.release_fixture import S3_CA, ReleaseFixture


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


async def test_a_secret_that_is_deleted_for_a_renewal_restarts_nginx_once(cr: ReleaseFixture) -> None:
    """The pods would start without the certificate, and again with it; the first renewal gave them a digest."""
    await cr.deployed()
    issue(cr, "second")
    await cr.deployed()
    assert isinstance(await cr.reconcile(), Done)
    assert len(cr.revisions()) == 2
    before = await pods(cr)

    del cr.kube.secrets[NAMESPACE, "cr-tls"]
    assert isinstance(await cr.reconcile(), Done)
    cr.kube.put(NAMESPACE, "cr-tls", {"tls.key": "the key comes first"})
    assert isinstance(await cr.reconcile(), Done)
    assert await pods(cr) == before
    assert len(cr.revisions()) == 2

    issue(cr, "third")
    await cr.deployed()
    assert isinstance(await cr.reconcile(), Done)
    assert len(cr.revisions()) == 3
    cr.kube.writes.clear()
    assert isinstance(await cr.reconcile(), Done)
    assert cr.kube.writes == []


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


@pytest.mark.parametrize("is_on", [True, False])
async def test_a_changed_ca_restarts_trivy_as_well(cr: ReleaseFixture, is_on: bool) -> None:
    cr.spec(release={"version": "1.19.1", "values": {"trivy": {"enabled": is_on}}})
    await cr.deployed()
    assert isinstance(await cr.reconcile(), Done)
    assert "podAnnotations" not in (await cr.desired()).values["trivy"]
    before = (await pods(cr))["core"]
    cr.kube.put(NAMESPACE, "s3-ca", {"ca.crt": S3_CA.replace("S3", "S4")})
    values = (await cr.desired()).values
    assert ("podAnnotations" in values["trivy"]) is is_on
    assert values["core"]["podAnnotations"] != before
