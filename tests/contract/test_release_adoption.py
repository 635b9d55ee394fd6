"""A Harbor from a real `helm install` is taken over on a real API server: no restart, and the same secrets.

With HARBOR_CHART, also the official chart, whatever its version is.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harbor_operator.model.outcomes import Outcome
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from lab.process import LabError
from lab.registries import Registry
from tests.contract.adoption_fixture import AdoptionFixture, write_generating_chart
from tests.contract.helm_fixture import ReleaseOnClusterFixture
from tests.contract.test_helm import cluster, kube, real_helm, secret_versions  # noqa: F401 - fixtures
from tests.fakes.release import NAMESPACE

HARBOR_CHART = os.environ.get("HARBOR_CHART")

pytestmark = pytest.mark.lab

LIKE_HELM_3 = "--server-side=false"


@pytest.fixture(params=["generating", "official"])
def installed(
    request: pytest.FixtureRequest,
    plane: ControlPlane,
    cluster: ReleaseOnClusterFixture,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> Iterator[AdoptionFixture]:
    """A Harbor with the default secrets of its chart."""
    if request.param == "official" and not HARBOR_CHART:
        pytest.skip("the official chart is not here (HARBOR_CHART)")
    chart = str(HARBOR_CHART) if request.param == "official" else write_generating_chart(tmp_path / "harbor")
    fixture = AdoptionFixture(plane, cluster, chart)
    fixture.install(LIKE_HELM_3, externalURL="https://core.harbor.domain")
    yield fixture
    plane.kubectl("delete", "secrets", "-n", NAMESPACE, "hreg-cr-pins", "hreg-cr-admin-password", "--ignore-not-found")


def identifier(outcome: Outcome) -> str:
    assert outcome.reason is Reason.RELEASE_ADOPTION_PLANNED, outcome
    found = re.search(r"`spec\.release\.adoptionPlan` to '([0-9a-f]{8})'", outcome.message)
    assert found, outcome.message
    return found[1]


async def test_a_release_of_helm_becomes_the_registrys_without_a_restart(installed: AdoptionFixture) -> None:
    """Finding F15."""
    before, claims, plane = installed.objects(), installed.claims(), installed.plane
    core, jobs = installed.secret("cr-harbor-core"), installed.secret("cr-harbor-jobservice")
    written = secret_versions(plane)
    plan = identifier(await installed.reconcile())
    assert secret_versions(plane) == written, "a plan wrote a Secret"

    assert (await installed.reconcile(plan)).reason is Reason.WORKLOADS_NOT_READY
    assert installed.objects() == before
    assert await installed.cluster.statuses() == ["deployed"]
    generated = installed.generated()
    assert {key: generated[key] for key in ("secretKey", "secret", "CSRF_KEY", "tls.crt", "tls.key")} == {
        key: core[key] for key in ("secretKey", "secret", "CSRF_KEY", "tls.crt", "tls.key")
    }
    assert generated["secretKey"] == "not-a-secure-key"
    assert generated["JOBSERVICE_SECRET"] == jobs["JOBSERVICE_SECRET"]
    assert installed.secret("hreg-cr-admin-password")["password"] == core["HARBOR_ADMIN_PASSWORD"]
    written = secret_versions(plane)
    assert (await installed.reconcile(plan)).reason is Reason.WORKLOADS_NOT_READY
    assert secret_versions(plane) == written, "the pass after the adoption wrote a Secret"

    warned = (await installed.reconcile(plan)).warnings
    assert [one.code for one in warned] == [Reason.PUBLISHED_SECRET, Reason.PUBLISHED_SECRET]
    templates = installed.templates()
    assert (await installed.reconcile(plan, portal={"replicas": 2})).reason is Reason.RELEASE_UPGRADING
    result = installed.cluster.helm.result(NAMESPACE, "cr")
    assert result
    assert result.succeeded, result.message
    assert await installed.cluster.statuses() == ["superseded", "deployed"]
    assert installed.generated() == generated
    assert installed.claims() == claims
    restarted = {name for name, template in installed.templates().items() if template != templates[name]}
    assert restarted <= {"cr-harbor-core", "cr-harbor-jobservice", "cr-harbor-registry"}


async def test_the_published_password_of_the_registry_is_replaced(installed: AdoptionFixture) -> None:
    plan = identifier(await installed.reconcile())
    await installed.reconcile(plan)
    keys = ("REGISTRY_PASSWD", "REGISTRY_HTPASSWD")
    before = installed.generated()
    assert before["REGISTRY_PASSWD"] == "harbor_registry_password"
    remove = json.dumps([{"op": "remove", "path": f"/data/{key}"} for key in keys])
    installed.plane.kubectl("patch", "secret", "hreg-cr-pins", "-n", NAMESPACE, "--type=json", "-p", remove)
    outcome = await installed.reconcile(plan)
    assert outcome.reason is Reason.RELEASE_UPGRADING, outcome
    assert await installed.cluster.statuses() == ["superseded", "deployed"]
    after = installed.generated()
    assert {key for key in before if before[key] != after[key]} == set(keys)
    (left,) = (await installed.reconcile(plan)).warnings
    assert "'secretKey'" in left.message


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"release": {"version": "1.19.1", "adoptionPlan": "0d2a2b29"}}, "`adoptionPlan` needs `adopt: true`"),
        ({"release": {"version": "1.19.1", "adopt": True, "adoptionPlan": "yes"}}, "in body should match"),
        (
            {
                "release": {"version": "1.19.1", "adopt": True},
                "database": {"host": "localhost", "adminSecretRef": {"name": "pg-admin"}},
            },
            "`release.adopt` needs `database.credentialsSecretRef`",
        ),
    ],
)
def test_the_api_server_refuses(plane: ControlPlane, spec: dict[str, Any], message: str) -> None:
    registry = Registry(plane, NAMESPACE, "refused")
    registry.prepare()
    with pytest.raises(LabError) as refused:
        registry.apply({"externalURL": "https://localhost:1", **spec})
    assert message in str(refused.value)
