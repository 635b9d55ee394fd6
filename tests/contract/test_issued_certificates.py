"""`spec.internalTLS.issuerRef` with the controllers of cert-manager on a real API server, under the shipped rights."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from harbor_operator.adapters.helm import HelmSettings, SubprocessHelm
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.owned_objects import KubernetesOwnedObjects
from harbor_operator.adapters.service_account_tokens import KubernetesReleaseIdentity
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.outcomes import Blocked, Outcome, Pending
from harbor_operator.plan import names
from harbor_operator.plan.issued_certificates import CERTIFICATE, CERTIFICATE_REQUEST
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.steps.issued_certificates import IssuedCertificatesReleaseStep
from lab.cert_manager import CertManager
from lab.controlplane import ControlPlane
from lab.gotools import program
from lab.operator import NAMESPACE as OPERATOR
from lab.process import Processes, scaled
from lab.registries import Registry
from tests.contract.helm_fixture import DEADLINE, ReleaseOnClusterFixture, ended, now, reset_secrets, write_chart
from tests.fakes.release import NAMESPACE, registry

pytestmark = pytest.mark.lab

ROLE = "harbor-operator-cert-manager"
COMPONENT = Path(__file__).parents[2] / "deploy" / "components" / "cert-manager" / "rbac.yaml"
PROCESSES = ["core", "jobservice", "portal", "registry"]
API = {"apiVersion": "cert-manager.io/v1"}


class IssuedFixture:
    """A release with an issuer of cert-manager; nothing is bound to the operator, and no issuer exists yet."""

    def __init__(self, plane: ControlPlane, client: KubernetesClient, helm: SubprocessHelm, chart: str) -> None:
        self.plane = plane
        self.site = ReleaseOnClusterFixture(KubernetesNamespaceResources(client), helm)
        self.objects = KubernetesOwnedObjects(client)
        self.step = IssuedCertificatesReleaseStep(self.site.step, self.site.kube, self.objects)
        self.chart = chart
        self.internal: dict[str, Any] = {"issuerRef": {"name": "harbor-ca"}}

    async def run(self) -> Outcome:
        wanted = registry(internalTLS=self.internal, release={"version": "1.19.1", "chart": self.chart})
        outcome = await self.step.reconcile(wanted)
        await ended(self.site.helm, "cr")
        return outcome

    async def run_until(self, expected: Callable[[Outcome], bool]) -> Outcome:
        """As many passes as it takes cert-manager."""
        async with asyncio.timeout(scaled(DEADLINE)):
            while True:
                outcome = await self.run()
                if expected(outcome):
                    return outcome
                await asyncio.sleep(0.2)

    async def torn_down(self) -> None:
        wanted = registry(internalTLS=self.internal, release={"version": "1.19.1", "chart": self.chart})
        async with asyncio.timeout(scaled(DEADLINE)):
            while isinstance(await self.step.teardown(wanted), Pending):
                await ended(self.site.helm, "cr")
                await asyncio.sleep(0.05)

    def bind(self) -> None:
        arguments = (f"--clusterrole={ROLE}", f"--serviceaccount={OPERATOR}:{OPERATOR}")
        self.plane.kubectl("-n", NAMESPACE, "create", "rolebinding", ROLE, *arguments)

    def put_issuer(self, name: str, spec: dict[str, Any]) -> None:
        metadata = {"name": name, "namespace": NAMESPACE}
        self.plane.apply({**API, "kind": "Issuer", "metadata": metadata, "spec": spec})

    def put_authority(self) -> None:
        """Creates an issuer with one CA, as its documentation shows."""
        self.put_issuer("self-signed", {"selfSigned": {}})
        metadata = {"name": "harbor-ca", "namespace": NAMESPACE}
        spec = {"isCA": True, "commonName": "CA", "secretName": "harbor-ca", "issuerRef": {"name": "self-signed"}}
        self.plane.apply({**API, "kind": "Certificate", "metadata": metadata, "spec": spec})
        self.put_issuer("harbor-ca", {"ca": {"secretName": "harbor-ca"}})

    def certificates(self) -> list[str]:
        """The Certificates of the operator."""
        found = self.plane.kubectl("-n", NAMESPACE, "get", "certificates", "-l", names.REGISTRY_NAME, "-o", "json")
        return sorted(item["metadata"]["name"] for item in json.loads(found)["items"])

    def versions(self) -> dict[str, str]:
        """The version of every Certificate and Secret."""
        found = json.loads(self.plane.kubectl("-n", NAMESPACE, "get", "certificates,secrets", "-o", "json"))
        return {
            f"{item['kind']} {item['metadata']['name']}": item["metadata"]["resourceVersion"] for item in found["items"]
        }

    def secret(self, component: str) -> dict[str, str]:
        return Registry(self.plane, NAMESPACE, "cr").secret(f"hreg-cr-internal-tls-{component}")


@pytest.fixture(scope="module", autouse=True)
def manager(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    processes = Processes(tmp_path_factory.mktemp("cert-manager"))
    running = CertManager.start(plane, processes)
    yield
    running.stop()
    processes.stop_all()


@pytest.fixture
async def cr(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[IssuedFixture]:
    Registry(plane, NAMESPACE, "cr").prepare()
    reset_secrets(plane)
    for role in yaml.safe_load_all(COMPONENT.read_text()):
        plane.apply(role)
    connection = from_kubeconfig(plane.kubeconfig_for_service_account(OPERATOR, OPERATOR))
    async with KubernetesClient(connection) as client:
        sources = ChartSources((), (str(tmp_path),))
        settings = HelmSettings(str(program("helm")), tmp_path / "helm", connection, sources)
        helm = SubprocessHelm(settings, KubernetesReleaseIdentity(client), now)
        made = IssuedFixture(plane, client, helm, write_chart(tmp_path / "harbor"))
        yield made
        plane.kubectl("-n", NAMESPACE, "delete", "certificates,certificaterequests,issuers", "--all")
        made.internal = {}
        await made.torn_down()
        plane.kubectl("-n", NAMESPACE, "delete", "rolebinding", ROLE, "--ignore-not-found")
        await helm.aclose()


def is_deployed(outcome: Outcome) -> bool:
    return outcome.reason is Reason.WORKLOADS_NOT_READY


async def test_without_the_optional_role_the_message_names_it(cr: IssuedFixture) -> None:
    outcome = await cr.run()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert f"--clusterrole={ROLE} --serviceaccount={OPERATOR}:{OPERATOR}`" in outcome.message
    assert cr.certificates() == []


async def test_the_certificates_of_an_issuer_are_used_renewed_and_removed(cr: IssuedFixture) -> None:
    cr.bind()
    waiting = await cr.run_until(lambda outcome: "not found" in outcome.message)
    assert isinstance(waiting, Pending)
    assert waiting.reason is Reason.CERTIFICATES_NOT_ISSUED
    assert "Issuer 'harbor-ca'" in waiting.message
    assert await cr.site.statuses() == []

    cr.put_authority()
    await cr.run_until(is_deployed)
    assert await cr.site.statuses() == ["deployed"]
    assert cr.certificates() == [f"hreg-cr-internal-tls-{name}" for name in PROCESSES]
    before = {name: cr.secret(name) for name in PROCESSES}
    for name, values in before.items():
        leaf, authority = (x509.load_pem_x509_certificate(values[key].encode()) for key in ("tls.crt", "ca.crt"))
        leaf.verify_directly_issued_by(authority)
        hosts = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert f"cr-harbor-{name}.{NAMESPACE}.svc" in hosts.get_values_for_type(x509.DNSName)
    versions = cr.versions()
    await cr.run()
    assert cr.versions() == versions
    assert await cr.site.statuses() == ["deployed"]

    renew(cr, "hreg-cr-internal-tls-core")
    await cr.run_until(lambda outcome: outcome.reason is Reason.RELEASE_UPGRADING)
    await cr.run_until(is_deployed)
    assert await cr.site.statuses() == ["superseded", "deployed"]
    assert cr.secret("core")["tls.crt"] != before["core"]["tls.crt"]
    assert cr.secret("portal") == before["portal"]

    await cr.torn_down()
    assert cr.certificates() == []
    left = cr.plane.kubectl("-n", NAMESPACE, "get", "secrets", "-o", "name")
    assert "internal-tls" not in left


def renew(cr: IssuedFixture, name: str) -> None:
    """Asks for a new certificate as `cmctl renew` does."""
    moment = "2026-11-29T00:00:00Z"
    issuing = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "lastTransitionTime": moment}
    found = json.loads(cr.plane.kubectl("-n", NAMESPACE, "get", "certificate", name, "-o", "json"))
    patch = json.dumps({"status": {"conditions": [*found["status"]["conditions"], issuing]}})
    arguments = ("--subresource=status", "--type=merge", "-p", patch)
    cr.plane.kubectl("-n", NAMESPACE, "patch", "certificate", name, *arguments)


async def test_an_issuer_without_a_common_authority_is_refused(cr: IssuedFixture) -> None:
    cr.bind()
    cr.put_issuer("harbor-ca", {"selfSigned": {}})
    refused = await cr.run_until(lambda outcome: outcome.reason is Reason.ISSUER_UNUSABLE)
    assert isinstance(refused, Blocked)
    assert "makes each certificate its own CA" in refused.message
    assert await cr.site.statuses() == []


async def test_without_the_field_the_operator_issues_again(cr: IssuedFixture) -> None:
    cr.bind()
    cr.put_authority()
    await cr.run_until(is_deployed)
    issued = cr.secret("core")
    cr.internal = {}
    await cr.run_until(is_deployed)
    assert cr.certificates() == []
    assert cr.secret("core")["ca.crt"] != issued["ca.crt"]
    assert await cr.site.statuses() == ["superseded", "deployed"]


async def test_another_clients_certificate_is_neither_changed_nor_removed(cr: IssuedFixture) -> None:
    cr.bind()
    metadata = {"name": "hreg-cr-internal-tls-core", "namespace": NAMESPACE}
    spec = {"secretName": "other", "dnsNames": ["example.com"], "issuerRef": {"name": "other"}}
    cr.plane.apply({**API, "kind": "Certificate", "metadata": metadata, "spec": spec})
    with pytest.raises(Refused, match="exists but was not created for this registry"):
        await cr.run()
    await cr.torn_down()
    found = await cr.objects.read(CERTIFICATE, NAMESPACE, "hreg-cr-internal-tls-core")
    assert found
    assert found["spec"]["dnsNames"] == ["example.com"]


async def test_an_api_that_is_not_served_has_no_objects(cr: IssuedFixture) -> None:
    cr.bind()
    assert await cr.objects.is_served(CERTIFICATE)
    assert await cr.objects.read_all(CERTIFICATE_REQUEST, NAMESPACE) == []
    absent = type(CERTIFICATE)("absent.example.com/v1", "Absent", "absents")
    assert not await cr.objects.is_served(absent)
