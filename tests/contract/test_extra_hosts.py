"""The other names of a Harbor behind a real nginx: a certificate for one name, an IPv6 address, another server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.image_proof import HttpImageProof
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Done
from harbor_operator.steps.extra_hosts import HostCheckedReachabilityStep
from harbor_operator.steps.reachability import ReachabilityStep
from lab.addresses import HOST, NAMES, join
from lab.certs import Authority
from lab.harbor.standalone import Standalone
from lab.nginx import Front, Site
from lab.process import LabError, Processes, free_port
from tests.fakes.kube import FakeKube

pytestmark = pytest.mark.lab

ELSEWHERE = "elsewhere.example.com"


@dataclass
class TwoFronts:
    """A Harbor at the first front, and another front to it whose certificate the test chooses."""

    url: str
    mirror: Front
    standalone: Standalone
    authority: Authority

    async def warnings(self, *hosts: str) -> list[str]:
        """What a new step says about the hosts."""
        kube, probe = FakeKube(), HttpRegistryProbe()
        kube.put("intra", "hreg-cr-admin-password", {"password": self.standalone.admin_password})
        kube.put("intra", "ca", {"ca.crt": self.authority.ca_pem})
        secrets = {"credential": {"robot": {}}, "extraHosts": list(hosts)}
        spec = {"externalURL": self.url, "caSecretRef": {"name": "ca"}, "pullSecrets": secrets}
        metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
        step = ReachabilityStep(kube, probe, HttpHarbor(), HttpImageProof(), lambda: datetime.now(UTC))
        checked = HostCheckedReachabilityStep(step, kube, probe, lambda: datetime.now(UTC))
        outcome = await checked.reconcile(HarborRegistry.parse({"metadata": metadata, "spec": spec}))
        assert isinstance(outcome, Done), outcome
        return [warning.message for warning in outcome.warnings]


@pytest.fixture(scope="module")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoFronts]:
    directory = tmp_path_factory.mktemp("extra-hosts")
    directory.parent.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    directory.chmod(0o711)
    processes, authority, port = Processes(directory / "logs"), Authority.create(directory / "ca"), free_port()
    try:
        url = f"https://{join(NAMES[0], port)}"
        standalone = Standalone.start(directory, processes, authority, external_url=url)
        site = Site(standalone.url, host_header="$http_host")
        Front.start(directory / "front", processes, authority, site, port=port)
        mirror = Front.start(directory / "mirror", processes, authority, replace(site, hosts=(ELSEWHERE,)))
        yield TwoFronts(url, mirror, standalone, authority)
    except LabError as error:
        pytest.skip(f"the Harbor stand-in cannot run here: {error}")
    finally:
        processes.stop_all()


async def test_an_address_needs_a_certificate_of_its_own(fronts: TwoFronts) -> None:
    """An IPv6 address in the lab's network with IPv6 only."""
    host, site = join(HOST, fronts.mirror.port), fronts.mirror.site
    (message,) = await fronts.warnings(host)
    assert f"'{host}': its certificate is valid for '{ELSEWHERE}': issue one with '{HOST}'" in message
    fronts.mirror.serve(site, fronts.authority.issue("mirror", hosts=(ELSEWHERE, HOST)))
    assert await fronts.warnings(host) == []
    fronts.mirror.serve(site, fronts.authority.issue("mirror", hosts=(ELSEWHERE,)))


async def test_a_port_without_a_server_and_another_server_are_named_together(fronts: TwoFronts) -> None:
    silent, other = (join(HOST, port) for port in (free_port(), fronts.mirror.port))
    site = fronts.mirror.site
    issued = fronts.authority.issue("mirror", hosts=(HOST,))
    fronts.mirror.serve(replace(site, upstream=f"http://{join(HOST, free_port())}"), issued)
    (message,) = await fronts.warnings(silent, other)
    assert f"'{silent}': " in message
    assert f"'{other}': " in message
    fronts.mirror.serve(site)
