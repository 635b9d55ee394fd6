"""Logins of a kubeconfig against a real API server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_operator.adapters.kube_api import ApiRequest, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.ports import Refused, Unavailable
from lab.controlplane import ControlPlane

pytestmark = pytest.mark.lab

PLUGIN_VERSION = "client.authentication.k8s.io/v1"
NAMESPACES = ApiRequest("list", ResourceRef("v1", "namespaces"))


def kubeconfig(plane: ControlPlane, folder: Path, user: dict[str, Any], cluster: dict[str, Any] | None = None) -> Path:
    """The administrator's kubeconfig with another login."""
    config = yaml.safe_load(plane.kubeconfig.read_text())
    config["users"][0]["user"] = user
    config["clusters"][0]["cluster"] |= cluster or {}
    path = folder / "config"
    path.write_text(yaml.safe_dump(config))
    return path


def plugin(folder: Path) -> dict[str, Any]:
    """An exec plugin that returns the content of the file `token`; the entry of its user."""
    script = folder / "plugin"
    credential = {"apiVersion": PLUGIN_VERSION, "kind": "ExecCredential", "status": {"token": "@"}}
    script.write_text(f"#!/bin/sh\necho '{json.dumps(credential)}' | sed \"s/@/$(cat {folder}/token)/\"\n")
    script.chmod(0o700)
    return {"exec": {"apiVersion": PLUGIN_VERSION, "command": "./plugin", "interactiveMode": "Never"}}


async def test_an_exec_plugin_runs_again_after_its_token_was_rejected(plane: ControlPlane, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("expired")
    async with KubernetesClient(from_kubeconfig(kubeconfig(plane, tmp_path, plugin(tmp_path)))) as client:
        with pytest.raises(Unavailable, match="credential"):
            await client.send_plain(NAMESPACES)
        token.write_text(plane.client.token)
        answer = await client.send_plain(NAMESPACES)
    assert isinstance(answer, dict)
    assert answer["kind"] == "NamespaceList"


async def test_a_server_name_that_the_certificate_lacks_is_refused(plane: ControlPlane, tmp_path: Path) -> None:
    user = {"token": plane.client.token}
    for name, is_trusted in (("kubernetes.default.svc", True), ("other.example", False)):
        path = kubeconfig(plane, tmp_path, user, {"tls-server-name": name})
        async with KubernetesClient(from_kubeconfig(path)) as client:
            if is_trusted:
                assert isinstance(await client.send_plain(NAMESPACES), dict)
                continue
            with pytest.raises(Refused, match="not trusted"):
                await client.send_plain(NAMESPACES)


async def test_unverified_tls_is_the_users_choice(plane: ControlPlane, tmp_path: Path) -> None:
    user = {"token": plane.client.token}
    path = kubeconfig(plane, tmp_path, user, {"insecure-skip-tls-verify": True, "tls-server-name": "other.example"})
    async with KubernetesClient(from_kubeconfig(path)) as client:
        assert isinstance(await client.send_plain(NAMESPACES), dict)
