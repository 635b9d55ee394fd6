"""The Secrets of `spec.internalTLS`: what is issued, when it is renewed, and which pods a new certificate restarts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from harbor_operator.adapters.certificates import read_certificate
from harbor_operator.model.certificates import AUTHORITY_LIFETIME, LIFETIME
from harbor_operator.model.kubernetes import TLS
from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.plan import names
from harbor_operator.plan.internal_tls import OVERLAP, certificate_secrets, read_authorities, read_pair
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.fakes.release import NAMESPACE
from tests.fakes.release_fixture import ReleaseFixture, torn_down

PROCESSES = ["core", "jobservice", "registry", "portal"]


@pytest.fixture
def cr() -> ReleaseFixture:
    release = ReleaseFixture()
    release.spec(internalTLS={})
    return release


def secret_name(cr: ReleaseFixture, component: str) -> str:
    return names.internal_tls_secret(cr.registry, component)


def certificates(cr: ReleaseFixture) -> dict[str, str]:
    return {name: cr.kube.values(NAMESPACE, secret_name(cr, name))["tls.crt"] for name in PROCESSES}


def authority(cr: ReleaseFixture) -> str:
    return cr.kube.values(NAMESPACE, names.internal_tls_authority(cr.registry))["ca.crt"]


def present(cr: ReleaseFixture) -> list[str]:
    return [name for name in certificate_secrets(cr.registry) if (NAMESPACE, name) in cr.kube.secrets]


async def digests(cr: ReleaseFixture) -> dict[str, Any]:
    """The annotation of each process that changes with its certificate."""
    values = (await cr.desired()).values
    return {
        name: section["podAnnotations"][names.CERTIFICATE_DIGEST]
        for name, section in values.items()
        if isinstance(section, dict) and names.CERTIFICATE_DIGEST in section.get("podAnnotations", {})
    }


async def changed(cr: ReleaseFixture, before: dict[str, Any]) -> set[str]:
    after = await digests(cr)
    return {name for name in after if after[name] != before[name]}


async def test_each_process_gets_a_certificate_of_the_authority_of_its_registry(cr: ReleaseFixture) -> None:
    await cr.reconcile()
    stored = read_authorities(cr.kube.secrets[NAMESPACE, names.internal_tls_authority(cr.registry)].values)
    assert stored
    for name in PROCESSES:
        secret = cr.kube.secrets[NAMESPACE, secret_name(cr, name)]
        assert secret.type == TLS
        assert secret.belongs_to(names.owner_labels(cr.registry))
        pair = read_pair(secret.values)
        assert pair
        seen = read_certificate(pair, stored.current)
        assert seen
        assert {f"cr-harbor-{name}", f"cr-harbor-{name}.intra.svc"} <= seen.names
        assert secret.values["ca.crt"].get_secret_value() == stored.trusted
    assert len(present(cr)) == 1 + len(PROCESSES)


async def test_no_pod_gets_the_key_of_the_authority(cr: ReleaseFixture) -> None:
    await cr.reconcile()
    key = cr.kube.values(NAMESPACE, names.internal_tls_authority(cr.registry))["ca.key"]
    for name in PROCESSES:
        assert key not in cr.kube.values(NAMESPACE, secret_name(cr, name)).values()


async def test_the_chart_gets_the_names_of_the_secrets_and_no_key(cr: ReleaseFixture) -> None:
    section = (await cr.desired()).values["internalTLS"]
    assert section == {
        "enabled": True,
        "certSource": "secret",
        **{name: {"secretName": secret_name(cr, name)} for name in PROCESSES},
    }


async def test_the_second_pass_writes_nothing(cr: ReleaseFixture) -> None:
    await cr.deployed()
    cr.kube.writes.clear()
    assert isinstance(await cr.reconcile(), Done)
    assert cr.kube.writes == []
    assert cr.helm.started == ["upgrade intra/cr"]


async def test_certificates_are_renewed_after_two_thirds_of_their_life(cr: ReleaseFixture) -> None:
    await cr.deployed()
    before, signer = certificates(cr), authority(cr)
    cr.now += LIFETIME * 2 / 3 - timedelta(days=1)
    assert isinstance(await cr.reconcile(), Done)
    assert certificates(cr) == before
    cr.now += timedelta(days=2)
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_UPGRADING
    assert not set(certificates(cr).values()) & set(before.values())
    assert authority(cr) == signer


async def test_only_the_pods_that_read_a_certificate_restart(cr: ReleaseFixture) -> None:
    before = await digests(cr)
    assert set(before) == {*PROCESSES, "exporter"}
    del cr.kube.secrets[NAMESPACE, secret_name(cr, "portal")]
    assert await changed(cr, before) == {"portal"}
    before = await digests(cr)
    # The exporter talks to core, and mounts its certificate.
    del cr.kube.secrets[NAMESPACE, secret_name(cr, "core")]
    assert await changed(cr, before) == {"core", "exporter"}


async def test_a_certificate_that_another_client_changed_is_issued_again(cr: ReleaseFixture) -> None:
    await cr.deployed()
    owner = names.owner_labels(cr.registry)
    cr.kube.put(NAMESPACE, secret_name(cr, "core"), {"tls.crt": "x", "tls.key": "y", "ca.crt": "z"}, owner)
    assert isinstance(await cr.reconcile(), Pending)
    assert certificates(cr)["core"].startswith("-----BEGIN CERTIFICATE-----")


async def test_a_lost_authority_is_replaced_with_every_certificate(cr: ReleaseFixture) -> None:
    await cr.deployed()
    before = await digests(cr)
    del cr.kube.secrets[NAMESPACE, names.internal_tls_authority(cr.registry)]
    assert await changed(cr, before) == set(before)


async def test_the_authority_is_replaced_in_two_upgrades(cr: ReleaseFixture) -> None:
    await cr.deployed()
    first = authority(cr)
    cr.now += AUTHORITY_LIFETIME * 2 / 3
    assert isinstance(await cr.reconcile(), Pending)
    trusted = cr.kube.values(NAMESPACE, secret_name(cr, "core"))["ca.crt"]
    assert trusted.startswith(first)
    assert trusted.count("BEGIN CERTIFICATE") == 2
    assert authority(cr) == first
    cr.finish()
    assert isinstance(await cr.reconcile(), Done)
    cr.now += OVERLAP
    assert isinstance(await cr.reconcile(), Pending)
    second = authority(cr)
    assert second != first
    assert second in trusted
    assert cr.kube.values(NAMESPACE, secret_name(cr, "core"))["ca.crt"] == second + first


async def test_another_name_of_the_objects_is_in_the_certificates(cr: ReleaseFixture) -> None:
    values = {"fullnameOverride": "images", "trivy": {"enabled": True}}
    cr.spec(internalTLS={}, release={"version": "1.19.1", "values": values})
    await cr.reconcile()
    stored = read_authorities(cr.kube.secrets[NAMESPACE, names.internal_tls_authority(cr.registry)].values)
    pair = read_pair(cr.kube.secrets[NAMESPACE, secret_name(cr, "trivy")].values)
    assert stored
    assert pair
    seen = read_certificate(pair, stored.current)
    assert seen
    assert "images-trivy" in seen.names


async def test_a_refused_spec_writes_no_certificate(cr: ReleaseFixture) -> None:
    cr.spec("1.3.19", internalTLS={}, cache=None, caSecretRef=None)
    outcome = await cr.reconcile()
    assert isinstance(outcome, Blocked)
    assert "`spec.internalTLS`" in outcome.message
    assert present(cr) == []


async def test_a_secret_of_another_owner_is_never_used_or_changed(cr: ReleaseFixture) -> None:
    theirs = cr.kube.put(NAMESPACE, secret_name(cr, "core"), {"tls.crt": "theirs"})
    with pytest.raises(Refused) as refused:
        await cr.reconcile()
    assert refused.value.reason is Reason.SECRET_INVALID
    assert cr.kube.secrets[NAMESPACE, secret_name(cr, "core")] == theirs


async def test_without_the_section_nothing_is_issued(cr: ReleaseFixture) -> None:
    for section in (None, {"enabled": False}):
        cr.spec(internalTLS=section)
        assert "internalTLS" not in (await cr.desired()).values
    assert present(cr) == []


async def test_a_deleted_registry_leaves_no_certificate(cr: ReleaseFixture) -> None:
    await cr.deployed()
    assert isinstance(await torn_down(cr), Done)
    assert present(cr) == []


async def test_a_retained_release_keeps_its_certificates(cr: ReleaseFixture) -> None:
    await cr.deployed()
    cr.spec(internalTLS={}, deletionPolicy={"release": "Retain"})
    assert isinstance(await torn_down(cr), Done)
    assert len(present(cr)) == 1 + len(PROCESSES)
