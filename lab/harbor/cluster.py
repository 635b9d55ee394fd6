"""Reading objects from the API server of a kubeconfig, over one kept-alive connection."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import yaml

from lab.process import LabError

Object = dict[str, Any]
TIMEOUT = 10


class Cluster:
    """What the workloads need to know of a cluster; every call may raise OSError, the next one connects anew."""

    def __init__(self, kubeconfig: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        context = _named(content["contexts"], content["current-context"])["context"]
        self._cluster = _named(content["clusters"], context["cluster"])["cluster"]
        self._user = _named(content["users"], context["user"])["user"]
        self._context = self._tls()
        self._connection: http.client.HTTPSConnection | None = None

    def deployments(self, namespace: str, release: str) -> list[Object]:
        """The Deployments of a Helm release of the Harbor chart."""
        selector = quote(f"release={release}")
        found = self._get(f"/apis/apps/v1/namespaces/{namespace}/deployments?labelSelector={selector}")
        items: list[Object] = (found or {}).get("items", [])
        return items

    def read(self, namespace: str, kind: str, name: str) -> Object | None:
        """One object of core/v1 by the plural of its kind, or nothing."""
        return self._get(f"/api/v1/namespaces/{namespace}/{kind}/{name}")

    def _get(self, path: str) -> Object | None:
        try:
            return self._request(path)
        except (OSError, http.client.HTTPException) as error:
            self._connection = None
            raise ConnectionError(f"the API server does not answer: {error!r}") from error

    def _request(self, path: str) -> Object | None:
        if self._connection is None:
            server = urlsplit(self._cluster["server"])
            self._connection = http.client.HTTPSConnection(
                server.hostname or "", server.port, context=self._context, timeout=TIMEOUT
            )
        headers = {"Accept": "application/json"}
        if token := self._user.get("token"):
            headers["Authorization"] = f"Bearer {token}"
        self._connection.request("GET", path, headers=headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status == http.HTTPStatus.NOT_FOUND:
            return None
        if answer.status != http.HTTPStatus.OK:
            raise LabError(f"the API server answers {answer.status} to 'GET {path}': {body[:300]!r}")
        found: Object = json.loads(body)
        return found

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=_content(self._cluster, "certificate-authority").decode())
        certificate = _content(self._user, "client-certificate")
        if certificate:
            with tempfile.NamedTemporaryFile() as both:  # the ssl module reads certificates from files only
                both.write(certificate + b"\n" + _content(self._user, "client-key"))
                both.flush()
                context.load_cert_chain(both.name)
        return context


def _named(entries: list[Object], name: str) -> Object:
    return next(entry for entry in entries if entry["name"] == name)


def _content(section: Object, name: str) -> bytes:
    """What the kubeconfig holds, or points to, under this name."""
    if data := section.get(f"{name}-data"):
        return base64.b64decode(data)
    return Path(section[name]).read_bytes() if name in section else b""
