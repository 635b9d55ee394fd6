"""The operator's own chart: rendered without a cluster, or installed in the lab as its users do.

render({"replicaCount": 3})           -> the objects of `helm template`
release = OperatorRelease(lab)        needs the real node
release.install(values)               helm install; upgrade(values, chart) and uninstall() likewise
release.pods                          -> lab.in_cluster.InCluster: the operator's pods
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab.gotools import program
from lab.in_cluster import ROLLOUT_SECONDS, InCluster
from lab.operator import NAMESPACE
from lab.process import LabError

if TYPE_CHECKING:
    from lab.lab import Lab

CHART = Path(__file__).parents[1] / "deploy" / "chart"
RELEASE = "harbor-operator"
RENDER_SECONDS = 60

Manifest = dict[str, Any]


def render(values: Manifest | None = None, *, release: str = RELEASE, chart: Path = CHART) -> list[Manifest]:
    """Returns the objects of the chart with these values. Raises LabError with Helm's message."""
    text = run_helm("template", release, str(chart), "--namespace", NAMESPACE, "--values", "-", values=values)
    return [document for document in yaml.safe_load_all(text) if document]


def run_helm(*arguments: str, values: Manifest | None = None) -> str:
    """Runs helm without a cluster or the user's settings; `values` go to its standard input. Raises LabError."""
    with tempfile.TemporaryDirectory() as home:
        homes = {f"HELM_{kind}_HOME": home for kind in ("CACHE", "CONFIG", "DATA")}
        done = subprocess.run(
            [str(program("helm")), *arguments],
            input=json.dumps(values or {}),
            capture_output=True,
            text=True,
            timeout=RENDER_SECONDS,
            check=False,
            env={**os.environ, **homes, "KUBECONFIG": f"{home}/absent"},
        )
    if done.returncode:
        raise LabError(
            f"`helm {' '.join(arguments)}` ended with status {done.returncode}: {done.stderr or done.stdout}"
        )
    return done.stdout


class OperatorRelease:
    """The Helm release of the operator."""

    def __init__(self, lab: Lab) -> None:
        if lab.kubelet is None:
            raise LabError("the operator needs a node that runs pods: start the lab with `kubelet=True`")
        self.pods = InCluster(lab, lab.kubelet)
        self._plane = lab.control_plane
        self._values = lab.directory / "operator-values.json"

    def install(self, values: Manifest) -> str:
        """Installs the chart, waits until every replica is Ready, and returns Helm's output. Raises LabError."""
        return self._run("install", CHART, values)

    def upgrade(self, values: Manifest, chart: Path = CHART) -> str:
        """Upgrades to a chart, waits until every replica is Ready, and returns Helm's output. Raises LabError."""
        return self._run("upgrade", chart, values)

    def uninstall(self) -> str:
        """Uninstalls the release and returns Helm's output. Raises LabError."""
        return self._plane.helm("uninstall", RELEASE, "--namespace", NAMESPACE)

    def _run(self, verb: str, chart: Path, values: Manifest) -> str:
        self._values.write_text(json.dumps(values))
        wait = ("--wait", f"--timeout={ROLLOUT_SECONDS}s", "--values", str(self._values))
        try:
            return self._plane.helm(verb, RELEASE, str(chart), "--namespace", NAMESPACE, *wait)
        except LabError as error:
            raise LabError(f"{error}\n{self.pods.describe()}") from None
