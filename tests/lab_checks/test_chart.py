"""Where the Harbor chart comes from, and that the lab's chart matches the official one."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from lab import chart
from lab.lab import Lab, Part
from lab.process import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.controlplane import ControlPlane

pytestmark = pytest.mark.lab

VALUES = Path(__file__).parent / "pinned-values.yaml"
OFFICIAL = pytest.mark.skipif(
    not os.environ.get(chart.VARIABLE), reason=f"{chart.VARIABLE} names no official chart to compare with"
)
EXACT_CONFIGURATION = "config.yml"
INTERNAL_TLS = ",".join(
    [
        "internalTLS.enabled=true,internalTLS.certSource=secret",
        *(f"internalTLS.{name}.secretName={name}-tls" for name in ("core", "jobservice", "registry", "portal")),
    ]
)

ROUTE = (
    "expose.type=route,expose.tls.enabled=false,expose.route.labels.a=b,expose.route.hosts[0]=localhost,"
    "expose.route.parentRefs[0].name=public"
)


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with Lab.start({Part.NODE}, kubelet=False) as lab:
        yield lab.control_plane


def resolved(tmp_path: Path, pull: str, **env: str) -> tuple[str, str]:
    """Returns reference and origin of the chart, resolved in a subprocess with this environment."""
    code = f"from lab.chart import resolve; c = resolve(pull={pull}); print(c.reference, c.origin, sep='|')"
    clean = {key: value for key, value in os.environ.items() if key != chart.VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={**clean, "HARBOR_LAB_CACHE": str(tmp_path), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LabError(done.stderr)
    reference, _, origin = done.stdout.strip().partition("|")
    return reference, origin


def test_the_chart_of_the_environment_variable_has_precedence(tmp_path: Path) -> None:
    reference, origin = resolved(tmp_path, "None", HARBOR_CHART=str(chart.LAB_CHART))
    assert (reference, chart.VARIABLE in origin) == (str(chart.LAB_CHART), True)


def test_a_named_chart_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="does not exist"):
        resolved(tmp_path, "None", HARBOR_CHART=str(tmp_path / "nothing"))


def test_a_chart_in_the_cache_is_used(tmp_path: Path) -> None:
    kept = tmp_path / "charts" / f"harbor-{chart.VERSION}.tgz"
    kept.parent.mkdir()
    with tarfile.open(kept, "w:gz") as archive:
        archive.add(chart.LAB_CHART, arcname="harbor")
    assert resolved(tmp_path, "lambda version: 1 / 0") == (str(kept), f"the cache ({kept})")


def test_the_labs_chart_is_the_fallback_and_the_reason_is_named(tmp_path: Path) -> None:
    reference, origin = resolved(tmp_path, "lambda version: 'no route'")
    assert reference == str(chart.LAB_CHART)
    assert "(no route)" in origin


@pytest.mark.parametrize("key", ["surprise", "core.surprise", "persistence.imageChartStorage.swift.surprise"])
def test_the_lab_chart_rejects_an_unknown_key(plane: ControlPlane, key: str) -> None:
    with pytest.raises(LabError, match="'surprise' not allowed"):
        plane.helm("template", "cr", str(chart.LAB_CHART), "-f", str(VALUES), "--set", f"{key}=1")


def test_the_lab_chart_generates_no_secret(plane: ControlPlane) -> None:
    with pytest.raises(LabError, match="/core/existingSecret"):
        plane.helm("template", "cr", str(chart.LAB_CHART), "-f", str(VALUES), "--set", "core.existingSecret=")


def test_the_lab_chart_installs_and_an_equal_upgrade_restarts_nothing(plane: ControlPlane) -> None:
    install_twice(plane, str(chart.LAB_CHART), "lab-chart")


@OFFICIAL
def test_the_official_chart_installs_and_an_equal_upgrade_restarts_nothing(plane: ControlPlane) -> None:
    install_twice(plane, os.environ[chart.VARIABLE], "official-chart")


@OFFICIAL
@pytest.mark.parametrize(
    "change",
    [
        "logLevel=info",
        r"redis.external.addr=s1:26379\,s2:26379,redis.external.sentinelMasterSet=main",
        "redis.external.tlsOptions.enable=true",
        "redis.type=internal",
        "database.type=internal,database.internal.password=made-up",
        "expose.tls.enabled=false,persistence.resourcePolicy=",
        "persistence.imageChartStorage.type=filesystem",
        "expose.type=clusterIP",
        "caBundleSecretName=cr-ca,caSecretName=cr-ca",
        INTERNAL_TLS,
        f"{INTERNAL_TLS},expose.type=clusterIP",
        ROUTE,
        f"{INTERNAL_TLS},{ROUTE}",
    ],
)
def test_the_lab_chart_renders_the_objects_of_the_official_chart(plane: ControlPlane, change: str) -> None:
    ours, theirs = (shapes(plane, name, change) for name in (str(chart.LAB_CHART), os.environ[chart.VARIABLE]))
    assert ours == theirs


def install_twice(plane: ControlPlane, reference: str, namespace: str) -> None:
    arguments = (reference, "-n", namespace, "-f", str(VALUES), "--wait=watcher", "--timeout=90s")
    plane.kubectl("create", "namespace", namespace)
    plane.helm("install", "cr", *arguments)
    before = replica_sets(plane, namespace)
    plane.helm("upgrade", "cr", *arguments)
    assert replica_sets(plane, namespace) == before
    assert {name.split("-")[2] for name in before} == {"core", "jobservice", "portal", "registry"}
    assert plane.kubectl("get", "pvc", "-n", namespace, "-o", "name") == ""


def replica_sets(plane: ControlPlane, namespace: str) -> list[str]:
    names = plane.kubectl("get", "replicasets", "-n", namespace, "-o", "jsonpath={.items[*].metadata.name}")
    return sorted(names.split())


def shapes(plane: ControlPlane, reference: str, change: str) -> dict[str, Any]:
    """Returns what other parts rely on: names, labels, containers, secrets, registry settings."""
    text = plane.helm("template", "cr", reference, "-f", str(VALUES), "--set", change)
    objects = [item for item in yaml.safe_load_all(text) if item]
    return {f"{item['kind']}/{item['metadata']['name']}": shape(item) for item in objects}


def shape(item: dict[str, Any]) -> Any:
    if item["kind"] in {"Deployment", "StatefulSet"}:
        pod = item["spec"]["template"]
        containers = {each["name"]: container_shape(each) for each in pod["spec"]["containers"]}
        certificates = [each for each in pod["spec"].get("volumes", []) if each["name"].endswith("-internal-certs")]
        user = pod["spec"]["securityContext"]["runAsUser"]
        return (
            item["metadata"]["labels"],
            item["spec"]["selector"],
            pod["metadata"]["labels"],
            user,
            containers,
            certificates,
        )
    if item["kind"] == "ConfigMap" and item["metadata"]["name"].endswith("-registry"):
        return yaml.safe_load(item["data"][EXACT_CONFIGURATION])
    if item["kind"] in {"Service", "Ingress", "HTTPRoute", "PersistentVolumeClaim"}:
        protocol = item["metadata"].get("annotations", {}).get("nginx.ingress.kubernetes.io/backend-protocol")
        return item["spec"], protocol
    return item["metadata"]["labels"]


def container_shape(container: dict[str, Any]) -> dict[str, Any]:
    secrets = {each["name"]: each["valueFrom"] for each in container.get("env", []) if "valueFrom" in each}
    probes = ("startupProbe", "livenessProbe", "readinessProbe")
    known = {key: container.get(key) for key in ("image", "envFrom", "securityContext", *probes)}
    mounts = [each for each in container["volumeMounts"] if each["name"].endswith("-internal-certs")]
    settings = [each for each in container.get("env", []) if each["name"].startswith("INTERNAL_TLS_")]
    return {**known, "secrets": secrets, "certificates": mounts, "internalTLS": settings}
