"""Keeps a copy of the objects of one namespace up to date, and notifies the event loop of changes."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

from lab.ingress.routes import NamespaceObjects
from lab.kubernetes_client import ApiServerError, KubernetesClient, Manifest

PATHS = {
    "ingresses": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
    "services": "/api/v1/namespaces/{}/services",
    "secrets": "/api/v1/namespaces/{}/secrets?fieldSelector=type!=helm.sh/release.v1",
}
RESTART_DELAY_SECONDS = 0.2


class NamespaceWatch:
    """The current objects; `changed` is set after each change. One daemon thread watches each kind."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._client = KubernetesClient(kubeconfig)
        self._objects: dict[str, dict[str, Manifest]] = {kind: {} for kind in PATHS}
        for kind, path in PATHS.items():
            threading.Thread(target=self._watch_forever, args=(kind, path.format(namespace)), daemon=True).start()

    @property
    def objects(self) -> NamespaceObjects:
        """A copy of all objects, by kind and name."""
        return NamespaceObjects(**self._objects)

    def _watch_forever(self, kind: str, path: str) -> None:
        """Lists and watches; starts again when the watch ends or the API server does not answer."""
        while True:
            try:
                self._list_and_watch(kind, path)
            except ApiServerError as error:
                print(f"ingress: cannot read {kind}, keeping the last known state: {error}", flush=True)
            time.sleep(RESTART_DELAY_SECONDS)

    def _list_and_watch(self, kind: str, path: str) -> None:
        listing = self._client.read(path) or {"items": [], "metadata": {"resourceVersion": "0"}}
        objects = {item["metadata"]["name"]: item for item in listing["items"]}
        self._replace(kind, objects)
        for event in self._client.watch(path, listing["metadata"]["resourceVersion"]):
            if event["type"] == "ERROR":
                return
            name = event["object"]["metadata"]["name"]
            objects = {key: item for key, item in objects.items() if key != name}
            if event["type"] != "DELETED":
                objects[name] = event["object"]
            self._replace(kind, objects)

    def _replace(self, kind: str, objects: dict[str, Manifest]) -> None:
        self._objects[kind] = objects
        self._loop.call_soon_threadsafe(self.changed.set)
