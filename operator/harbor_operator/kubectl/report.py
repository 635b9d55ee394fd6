"""`report`: an archive for a support request. It contains no Secret, and everything in it is redacted."""

from __future__ import annotations

import argparse
import io
import json
import os
import tarfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from harbor_operator import __version__
from harbor_operator.kubectl.cluster import Cluster, Manifest, connect
from harbor_operator.kubectl.errors import CommandError, RequestError
from harbor_operator.kubectl.log_lines import containers_with_log, log_of, pods_of, release_of
from harbor_operator.kubectl.output import notice, write, write_json
from harbor_operator.kubectl.redaction import redact_line, reduce_event, reduce_registry, reduce_workload
from harbor_operator.kubectl.registries import key_of, the_registry
from harbor_operator.kubectl.status import lines
from harbor_operator.kubectl.target import target_of
from harbor_operator.kubectl.version import read_crd, read_operators

TAIL_LINES = 2000
OPERATOR_LABEL = "app.kubernetes.io/name=harbor-operator"


class Collector:
    """Reads the parts of a report; what the person cannot read is listed and left out."""

    def __init__(self, cluster: Cluster, registry: Manifest, operator_namespace: str) -> None:
        self.errors: list[str] = []
        self._cluster = cluster
        self._registry = registry
        self._operator_namespace = operator_namespace

    def collect(self, now: datetime) -> Iterator[tuple[str, str]]:
        """Yields the name and the content of each file."""
        yield "registry.json", _json(reduce_registry(self._registry))
        yield "overview.txt", _text(lines(self._registry, now))
        yield "versions.json", _json(self._try("versions", self._versions))
        yield "events.json", _json(self._try("events", self._events))
        yield "workloads.json", _json(self._try("workloads", self._workloads))
        for pod in self._try("pods", lambda: pods_of(self._cluster, self._registry)) or []:
            yield from self._logs(pod, "harbor")
        for pod in self._try("operator", self._operator_pods) or []:
            yield from self._logs(pod, "operator")
        yield "errors.txt", _text(iter(self.errors))

    def _versions(self) -> dict[str, Any]:
        operators = read_operators(self._cluster, self._operator_namespace)
        return {"command": __version__, "operators": operators, "crd": read_crd(self._cluster)}

    def _events(self) -> list[dict[str, Any]]:
        found = self._cluster.get(f"/api/v1/namespaces/{self._registry['metadata']['namespace']}/events", limit="1000")
        return [reduce_event(event) for event in found["items"]]

    def _workloads(self) -> list[dict[str, Any]]:
        inside = f"namespaces/{self._registry['metadata']['namespace']}"
        selector = f"release={release_of(self._registry)}"
        paths = (
            f"/apis/apps/v1/{inside}/deployments",
            f"/apis/apps/v1/{inside}/statefulsets",
            f"/api/v1/{inside}/pods",
        )
        return [
            reduce_workload({"kind": path.rpartition("/")[2], **item})
            for path in paths
            for item in self._cluster.get(path, labelSelector=selector)["items"]
        ]

    def _operator_pods(self) -> list[Manifest]:
        path = f"/api/v1/namespaces/{self._operator_namespace}/pods"
        found: list[Manifest] = self._cluster.get(path, labelSelector=OPERATOR_LABEL)["items"]
        return found

    def _logs(self, pod: Manifest, folder: str) -> Iterator[tuple[str, str]]:
        for container in containers_with_log(pod):
            name = f"{pod['metadata']['name']}.{container}"
            read = lambda container=container: [  # noqa: E731
                redact_line(line) for line in log_of(self._cluster, pod, container, TAIL_LINES)
            ]
            if (found := self._try(f"log of {name}", read)) is not None:
                yield f"logs/{folder}/{name}.log", _text(iter(found))

    def _try(self, what: str, read: Any) -> Any:
        try:
            return read()
        except RequestError as error:
            self.errors.append(f"{what}: {error}")
            return None


def run(options: argparse.Namespace) -> int:
    """Writes the archive; returns 1 if parts of it could not be read."""
    now = options.clock()
    with connect(target_of(options)) as cluster:
        registry = the_registry(cluster, options.name)
        path = options.file or f"harbor-report-{registry['metadata']['name']}-{now:%Y%m%dT%H%M%SZ}.tar.gz"
        collector = Collector(cluster, registry, options.operator_namespace)
        files = _write(path, collector, now)
    if options.output == "json":
        write_json({"registry": key_of(registry), "file": path, "contents": files, "errors": collector.errors})
    else:
        write([f"{path} contains {len(files)} files without Secrets. Read it before you send it."])
        for error in collector.errors:
            notice(f"left out: {error}")
    return 1 if collector.errors else 0


def _write(path: str, collector: Collector, now: datetime) -> list[str]:
    names = []
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"`{path}` cannot be created: {error.strerror}: choose another with `--file`") from None
    with os.fdopen(descriptor, "wb") as target, tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, content in collector.collect(now):
            entry = tarfile.TarInfo(f"harbor-report/{name}")
            body = content.encode()
            entry.size, entry.mtime = len(body), int(now.timestamp())
            archive.addfile(entry, io.BytesIO(body))
            names.append(name)
    return names


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _text(found: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in found)
