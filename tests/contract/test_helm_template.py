"""The values as charts render them: without a cluster, with the chart of the lab and with the official one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_operator.model.release import DesiredRelease
from harbor_operator.plan.release import plan_release, unwrap_secrets
from lab.chart import LAB_CHART
from lab.gotools import program
from tests.fakes.release import (
    ADMIN_PASSWORD,
    CACHE_PASSWORD,
    DATABASE_PASSWORD,
    STORAGE_PASSWORD,
    registry,
    release_secrets,
)

HARBOR_CHART = os.environ.get("HARBOR_CHART")
GIVEN = (ADMIN_PASSWORD, CACHE_PASSWORD, DATABASE_PASSWORD, STORAGE_PASSWORD)

pytestmark = pytest.mark.lab


@pytest.fixture(params=["lab", "official"])
def chart(request: pytest.FixtureRequest) -> str:
    if request.param == "lab":
        return str(LAB_CHART)
    if not HARBOR_CHART:
        pytest.skip("the official chart is not here (HARBOR_CHART)")
    return HARBOR_CHART


def render(chart: str, tmp_path: Path, *user: dict[str, Any], **spec: Any) -> str:
    given = {"driver_credential": spec.pop("driver_credential", {}), "certificates": spec.pop("certificates", {})}
    wanted = registry(**spec)
    assert wanted.spec.release
    external = {"storage": "storage_login", "cache": "cache_password", "database": "database_login"}
    absent = {part: None for section, part in external.items() if section in spec}
    desired = plan_release(wanted, wanted.spec.release, release_secrets(*user, **absent, **given))
    assert isinstance(desired, DesiredRelease), desired
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(unwrap_secrets(desired.values)))
    argv = [str(program("helm")), "template", desired.name, chart, "--namespace", "intra", "--values", str(values)]
    homes = {f"HELM_{kind}_HOME": str(tmp_path) for kind in ("CACHE", "CONFIG", "DATA")}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **homes})
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(rendered: str) -> Iterator[dict[str, Any]]:
    yield from (found for found in yaml.safe_load_all(rendered) if found)


def test_two_renders_are_byte_identical(chart: str, tmp_path: Path) -> None:
    metrics = {"metrics": {"enabled": True}} if chart == HARBOR_CHART else {}
    assert render(chart, tmp_path, metrics) == render(chart, tmp_path, metrics)


def test_remote_storage_needs_no_volume_and_shows_no_password(chart: str, tmp_path: Path) -> None:
    rendered = render(chart, tmp_path)
    assert "PersistentVolumeClaim" not in rendered
    assert "volumeClaimTemplates" not in rendered
    assert [word for word in GIVEN if word in rendered] == []


def test_registry_gets_version_and_chunk_size_as_plain_numbers(chart: str, tmp_path: Path) -> None:
    config = next(o for o in objects(render(chart, tmp_path)) if o["kind"] == "ConfigMap" and "config.yml" in o["data"]
                  and "swift:" in o["data"]["config.yml"])  # fmt: skip
    text = config["data"]["config.yml"]
    assert "chunksize: 20971520\n" in text
    parsed = yaml.safe_load(text)
    assert parsed["storage"]["swift"]["authversion"] == 1
    assert parsed["storage"]["redirect"] == {"disable": True}
    assert parsed["http"]["relativeurls"] is True


def test_no_container_has_one_variable_twice(chart: str, tmp_path: Path) -> None:
    pods = [o["spec"]["template"]["spec"] for o in objects(render(chart, tmp_path)) if o["kind"] == "Deployment"]
    assert pods
    for container in (container for pod in pods for container in pod["containers"]):
        variables = [variable["name"] for variable in container.get("env", [])]
        assert len(variables) == len(set(variables)), container["name"]


def test_workloads_carry_the_label_that_readiness_is_asked_by(chart: str, tmp_path: Path) -> None:
    found = [o for o in objects(render(chart, tmp_path)) if o["kind"] in {"Deployment", "StatefulSet"}]
    assert found
    assert all(o["metadata"]["labels"]["release"] == "cr" for o in found)


def test_a_volume_is_claimed_for_images_only(chart: str, tmp_path: Path) -> None:
    rendered = render(chart, tmp_path, storage={"filesystem": {"size": "7Gi", "storageClassName": "fast"}})
    claims = [o for o in objects(rendered) if o["kind"] == "PersistentVolumeClaim"]
    assert len(claims) == 1
    assert claims[0]["spec"]["resources"]["requests"]["storage"] == "7Gi"
    assert claims[0]["spec"]["storageClassName"] == "fast"


@pytest.mark.skipif(not HARBOR_CHART, reason="the official chart is not here (HARBOR_CHART)")
@pytest.mark.parametrize("kind", ["ingress", "clusterIP", "nodePort", "loadBalancer"])
@pytest.mark.parametrize("tls", ["", "cr-tls"])
def test_every_way_of_exposing_renders(tmp_path: Path, kind: str, tls: str) -> None:
    assert HARBOR_CHART
    rendered = render(HARBOR_CHART, tmp_path, expose={"type": kind, "tlsSecretName": tls})
    assert ("cr-tls" in rendered) == bool(tls)


@pytest.mark.skipif(not HARBOR_CHART, reason="the official chart is not here (HARBOR_CHART)")
@pytest.mark.parametrize("kind", ["ingress", "nodePort"])
def test_the_services_get_the_ip_families_of_the_values(tmp_path: Path, kind: str) -> None:
    assert HARBOR_CHART
    given = {"ipFamily": {"policy": "RequireDualStack", "families": ["IPv6", "IPv4"]}}
    rendered = render(HARBOR_CHART, tmp_path, given, expose={"type": kind})
    services = {o["metadata"]["name"]: o["spec"] for o in objects(rendered) if o["kind"] == "Service"}
    assert services.pop("harbor", None) is None or kind == "nodePort"  # the Service of nginx does not get them
    assert services
    assert all(service["ipFamilies"] == ["IPv6", "IPv4"] for service in services.values())


@pytest.mark.skipif(not HARBOR_CHART, reason="the official chart is not here (HARBOR_CHART)")
def test_chart_alone_runs_everything_itself(tmp_path: Path) -> None:
    assert HARBOR_CHART
    rendered = render(HARBOR_CHART, tmp_path, database=None, cache=None, storage=None)
    kinds = [o["kind"] for o in objects(rendered)]
    assert kinds.count("StatefulSet") == 2
    assert rendered == render(HARBOR_CHART, tmp_path, database=None, cache=None, storage=None)


def test_the_keys_of_a_bucket_are_in_no_rendered_object(chart: str, tmp_path: Path) -> None:
    s3 = {"endpoint": "https://s3.example.com", "credentialsSecretRef": {"name": "s3"}, "encryption": {}}
    rendered = render(chart, tmp_path, storage={"s3": s3})
    configs = [o["data"]["config.yml"] for o in objects(rendered) if "config.yml" in (o.get("data") or {})]
    parsed = next(yaml.safe_load(text) for text in configs if "s3:" in text)
    assert "chunksize: 10485760\n" in next(text for text in configs if "s3:" in text)
    assert parsed["storage"]["s3"] == {
        "region": "us-east-1",
        "regionendpoint": "https://s3.example.com",
        "bucket": "harbor",
        "secure": True,
        "v4auth": True,
        "encrypt": True,
        "chunksize": 10485760,
        "storageclass": "STANDARD",
    }
    pods = [o for o in objects(rendered) if o["kind"] == "Deployment" and "registry" in o["metadata"]["name"]]
    (pod,) = (deployment["spec"]["template"]["spec"] for deployment in pods)
    for container in pod["containers"]:
        assert {"secretRef": {"name": "hreg-cr-storage-login"}} in container["envFrom"], container["name"]
