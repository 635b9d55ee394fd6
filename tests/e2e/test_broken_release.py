"""A Helm release that another process changed, and values that must not reach Helm."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.chart import source_directories
from lab.lab import Lab
from lab.operator import USER
from lab.process import wait_until
from lab.registries import Registry, merged
from tests.e2e.conftest import MakeRegistry
from tests.e2e.dedicated import FAST_PROBES

pytestmark = pytest.mark.e2e

Manifest = dict[str, Any]

TIMEOUT_SECONDS = 120
LONG_AGO = timedelta(seconds=TIMEOUT_SECONDS + 60)


def spec_for(lab: Lab, values: Manifest | None = None) -> Manifest:
    """The smallest release: all backends inside the cluster."""
    release = {"chart": lab.chart.reference, "version": lab.chart.version, "timeoutSeconds": TIMEOUT_SECONDS}
    return {
        "externalURL": "https://localhost:1",
        "checkIntervalSeconds": 5,
        "release": {**release, "values": merged(FAST_PROBES, values or {})},
        "storage": {"filesystem": {"size": "1Gi"}},
        "expose": {"type": "clusterIP"},
    }


class Releases:
    """Reads and writes the Secrets in which Helm stores a release, to simulate a Helm process that was killed."""

    def __init__(self, lab: Lab, registry: Registry) -> None:
        self._plane = lab.control_plane
        self._namespace = registry.namespace

    def revisions(self) -> list[Manifest]:
        """Returns the Secrets, oldest first."""
        found = self._plane.kubectl("-n", self._namespace, "get", "secret", "-l", "owner=helm", "-o", "json")
        items: list[Manifest] = json.loads(found)["items"]
        return sorted(items, key=lambda item: int(item["metadata"]["labels"]["version"]))

    def statuses(self) -> list[str]:
        """Returns the status of each revision, oldest first."""
        return [item["metadata"]["labels"]["status"] for item in self.revisions()]

    def leave_pending(self, age: timedelta) -> None:
        """Writes the next revision as pending with this age, or changes the age of one that is pending."""
        newest = self.revisions()[-1]
        labels, release = newest["metadata"]["labels"], _unpacked(newest["data"]["release"])
        if labels["status"] == "deployed":
            release["version"] += 1
        began = (datetime.now(UTC) - age).isoformat()
        release["info"] |= {"status": "pending-upgrade", "last_deployed": began, "description": "Preparing upgrade"}
        labels |= {"status": "pending-upgrade", "version": str(release["version"])}
        metadata = {
            "name": f"sh.helm.release.v1.{release['name']}.v{release['version']}",
            "namespace": self._namespace,
            "labels": labels,
        }
        left = {"apiVersion": "v1", "kind": "Secret", "type": newest["type"], "metadata": metadata}
        self._put({**left, "data": {"release": _packed(release)}})

    def _put(self, secret: Manifest) -> None:
        self._plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(secret))


def _unpacked(data: str) -> Manifest:
    release: Manifest = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(data))))
    return release


def _packed(release: Manifest) -> str:
    packed = base64.b64encode(gzip.compress(json.dumps(release).encode()))
    return base64.b64encode(packed).decode()


def test_a_release_lock_is_respected_until_it_times_out(lab: Lab, make_registry: MakeRegistry) -> None:
    registry = make_registry("rel-lock")
    releases = Releases(lab, registry)
    registry.apply(spec_for(lab))
    registry.wait_condition("ReleaseReady", "True", "Converged")
    assert releases.statuses() == ["deployed"]

    releases.leave_pending(timedelta())
    seen = registry.wait_condition("ReleaseReady", "False", "ReleaseLocked")
    assert "release 'cr' is 'pending-upgrade'" in seen["message"]
    assert f"the lock is cleared after {TIMEOUT_SECONDS} s (`spec.release.timeoutSeconds`)" in seen["message"]
    assert releases.statuses() == ["deployed", "pending-upgrade"]

    releases.leave_pending(LONG_AGO)
    recovered = registry.wait_condition("ReleaseReady", "True", "Converged")
    assert "is deployed as revision 3 of 'cr'" in recovered["message"]
    assert registry.status()["releaseRevision"] == 3
    assert releases.statuses() == ["superseded", "failed", "deployed"]


def test_conflicting_and_unknown_values_never_reach_helm(lab: Lab, make_registry: MakeRegistry) -> None:
    registry = make_registry("rel-values")
    releases = Releases(lab, registry)
    registry.apply(spec_for(lab, {"database": {"type": "external"}}))
    seen = registry.wait_condition("ReleaseReady", "False", "ValuesConflict")
    message = "`database.type` in `spec.release.values` belongs to the operator: use `spec.database`"
    assert seen["message"] == message

    registry.patch({"release": {"values": {"database": None, "portall": {"replicas": 2}}}})
    seen = registry.wait_condition("ReleaseReady", "False", "ValuesInvalid")
    assert "`portall` in `spec.release.values` is not a key of charts 1." in seen["message"]

    registry.patch({"release": {"values": {"portall": None, "harborAdminPassword": "inTheClear0123456789"}}})
    wait_until(
        lambda: "harborAdminPassword" in registry.condition("ReleaseReady")["message"], "the next error", deadline=20
    )
    seen = registry.condition("ReleaseReady")
    assert "holds a secret: put it into a Secret and use `spec.adminPasswordSecretRef`" in seen["message"]
    assert "inTheClear0123456789" not in str(registry.status())
    assert releases.revisions() == []

    registry.patch({"release": {"values": {"harborAdminPassword": None, "portal": {"replicas": 2}}}})
    registry.wait_condition("ReleaseReady", "True", "Converged")
    portal = lab.control_plane.kubectl(
        "-n", registry.namespace, "get", "deploy", "-l", "component=portal", "-o", "json"
    )
    assert [item["spec"]["replicas"] for item in json.loads(portal)["items"]] == [2]


def test_a_change_by_another_client_is_named_and_on_request_repaired(lab: Lab, make_registry: MakeRegistry) -> None:
    registry = make_registry("rel-drift")
    registry.apply(spec_for(lab))
    registry.wait_condition("ReleaseReady", "True", "Converged")
    kubectl, namespace = lab.control_plane.kubectl, ("-n", registry.namespace)
    kubectl(*namespace, "delete", "service", "cr-harbor-portal")
    kubectl(*namespace, "annotate", "hreg", "cr", "harbor-operator.io/reconcile-requested-at=1")
    drifted = wait_until(lambda: _warnings(registry).get("ReleaseDrifted", ""), "the change is named", deadline=30)
    assert "of release 'cr' that Helm installed: Service 'cr-harbor-portal' (deleted). Undo the change" in drifted

    registry.patch({"release": {"drift": "Repair"}})
    wait_until(lambda: "ReleaseDrifted" not in _warnings(registry), "the Service is applied again", deadline=30)
    kubectl(*namespace, "get", "service", "cr-harbor-portal")
    assert "DriftUnknown" not in _warnings(registry)
    assert Releases(lab, registry).statuses() == ["deployed"]


def test_a_release_of_another_owner_is_not_changed(lab: Lab, make_registry: MakeRegistry, tmp_path: Path) -> None:
    registry, plane = make_registry("rel-foreign"), lab.control_plane
    releases = Releases(lab, registry)
    plane.helm("install", "cr", _tiny_chart(tmp_path), "--namespace", registry.namespace)
    (before,) = releases.revisions()
    mark = plane.audit.mark()
    registry.apply(spec_for(lab))

    seen = registry.wait_condition("ReleaseReady", "False", "ReleaseForeign")
    assert f"Helm release 'cr' in namespace '{registry.namespace}' was not created for this registry" in seen["message"]
    assert "remove `spec.release`" in seen["message"]
    assert "another `spec.release.name`" in seen["message"]

    registry.delete()
    writes = plane.audit.writes_since(mark, USER)
    assert [write for write in writes if write.name.startswith("sh.helm.release")] == []
    assert releases.revisions() == [before]


def test_the_release_is_installed_after_the_foreign_one_is_uninstalled(
    lab: Lab, make_registry: MakeRegistry, tmp_path: Path
) -> None:
    registry, plane = make_registry("rel-way"), lab.control_plane
    plane.helm("install", "cr", _tiny_chart(tmp_path), "--namespace", registry.namespace)
    registry.apply(spec_for(lab))
    registry.wait_condition("ReleaseReady", "False", "ReleaseForeign")

    plane.helm("uninstall", "cr", "--namespace", registry.namespace)
    registry.wait_condition("ReleaseReady", "True", "Converged")


def test_an_unavailable_chart_is_named(lab: Lab, make_registry: MakeRegistry) -> None:
    registry = make_registry("rel-chart")
    spec = spec_for(lab)
    absent = str(source_directories()[0] / "absent")
    registry.apply({**spec, "release": {**spec["release"], "chart": absent}})
    seen = registry.wait_condition("ReleaseReady", "False", "ChartUnavailable")
    assert f"at '{absent}' cannot be read as a chart (No such file or directory)" in seen["message"]
    assert "correct `spec.release.chart`" in seen["message"]

    registry.patch({"release": {"chart": "/nowhere/harbor"}})
    seen = registry.wait_condition("ReleaseReady", "False", "ChartSourceRefused")
    assert "`spec.release.chart` names '/nowhere/harbor'" in seen["message"]
    assert "`HARBOR_OPERATOR_CHART_SOURCES`" in seen["message"]


def _warnings(registry: Registry) -> dict[str, str]:
    return {warning["code"]: warning["message"] for warning in registry.status().get("warnings", [])}


def _tiny_chart(folder: Path) -> str:
    """A chart with one ConfigMap, for a release of another owner."""
    (folder / "templates").mkdir()
    (folder / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "theirs", "version": "0.1.0"}))
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}, "data": {"a": "b"}}
    (folder / "templates" / "theirs.yaml").write_text(yaml.safe_dump(config_map))
    return str(folder)
