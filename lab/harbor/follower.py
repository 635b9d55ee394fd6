"""Watches the Deployments of a Harbor release, and runs a local process for core, registry and registry controller."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

from lab.harbor import launches
from lab.harbor.launches import Unsupported
from lab.harbor.pods import Missing, Pod
from lab.harbor.supervisor import Supervisor
from lab.process import LabError

if TYPE_CHECKING:
    from pathlib import Path

    from lab.harbor.cluster import Cluster
    from lab.kubernetes_client import Manifest
    from lab.process import Processes

LOG = logging.getLogger(__name__)
LAUNCHERS = {"registry": launches.registry, "registryctl": launches.registryctl, "core": launches.core}
"""By the name of the container."""
DEPLOYMENTS = {"registryctl": "registry"}
"""The component of the Deployment, if it does not have the name of the container."""
STATUS = "status.json"
REREAD_SECONDS = 2.0
"""The interval at which ConfigMaps and Secrets of an unchanged Deployment are read again."""


class Follower:
    """Runs the pods of one release as local processes."""

    def __init__(self, cluster: Cluster, directory: Path, processes: Processes, addresses: launches.Addresses) -> None:
        self._cluster = cluster
        self._directory = directory
        self._addresses = addresses
        self._supervisors = {name: Supervisor(f"harbor-{name}", processes) for name in LAUNCHERS}
        self._seen: dict[str, tuple[str, float]] = {}
        self._status = ""

    def tick(self, namespace: str, release: str) -> None:
        """Reads the cluster once, and updates the processes."""
        try:
            found = {_component(one): one for one in self._cluster.deployments(namespace, release)}
            for name, supervisor in self._supervisors.items():
                self._reconcile(name, supervisor, found.get(DEPLOYMENTS.get(name, name)))
        except (OSError, LabError) as error:
            LOG.warning("cannot read the cluster, keeping the running processes: %s", error)
        for supervisor in self._supervisors.values():
            supervisor.tick()
        self._write_status()

    def _reconcile(self, name: str, supervisor: Supervisor, deployment: Manifest | None) -> None:
        if deployment is None or not deployment["spec"].get("replicas", 1):
            self._seen.pop(name, None)
            supervisor.set_stopped("no Deployment" if deployment is None else "no replicas")
            return
        version, now = deployment["metadata"]["resourceVersion"], time.monotonic()
        seen_version, seen_at = self._seen.get(name, ("", 0.0))
        if version == seen_version and now - seen_at < REREAD_SECONDS:
            return
        try:
            supervisor.set_desired(self._launch(name, deployment))
        except (Missing, Unsupported) as cause:
            supervisor.set_waiting(str(cause))
        self._seen[name] = (version, now)

    def _launch(self, name: str, deployment: Manifest) -> launches.Launch:
        namespace = deployment["metadata"]["namespace"]
        spec = deployment["spec"]["template"]["spec"]
        pod = Pod(spec, lambda kind, wanted: self._cluster.read(namespace, kind, wanted))
        return LAUNCHERS[name](pod.container(name), self._directory / name, self._addresses)

    def _write_status(self) -> None:
        status = {name: supervisor.status for name, supervisor in self._supervisors.items()}
        text = json.dumps(status, indent=1)
        if text != self._status:
            self._status = text
            partial = self._directory / f"{STATUS}.new"
            partial.write_text(text)
            partial.replace(self._directory / STATUS)


def _component(deployment: dict[str, Any]) -> str:
    return str(deployment["metadata"].get("labels", {}).get("component", ""))
