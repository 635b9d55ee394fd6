"""The Secrets that other injectors leave, as the API server holds them: recorded shapes with made-up values.

The source of each shape is named at its function; `plan/migration_tools.py` recognises them by the same source.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from harbor_operator.model.migration import Tool

Manifest = dict[str, Any]
OWNER_UID = "7700b18c-f2d8-4efd-af8c-1add8fbb9c53"
OLD_PASSWORD = "Old-Password-1"


def docker_config(*hosts: str, password: str = OLD_PASSWORD) -> str:
    """A `.dockerconfigjson` text with one login for each key."""
    login = {
        "username": "puller",
        "password": password,
        "auth": base64.b64encode(f"puller:{password}".encode()).decode(),
    }
    return json.dumps({"auths": dict.fromkeys(hosts, login)})


def pull_secret(namespace: str, name: str, *hosts: str, **metadata: Any) -> Manifest:
    """A Secret without marks, as a user creates it."""
    data = {".dockerconfigjson": base64.b64encode(docker_config(*hosts).encode()).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"namespace": namespace, "name": name, **metadata},
        "data": data,
    }


def left_by(tool: Tool, namespace: str, name: str, *hosts: str) -> Manifest:
    """The Secret that the tool created; of registry-creds, the name must end with '-registrycreds'."""
    return pull_secret(namespace, name, *hosts, **_METADATA[tool](name))


def _tamcore(name: str) -> Manifest:
    """tamcore/imagepullsecret-patcher v0.4.0 internal/utils/utils.go ConstructImagePullSecret."""
    marks = {"app.kubernetes.io/managed-by": "imagepullsecret-patcher"}
    return {"labels": marks, "annotations": marks}


def _titansoft(name: str) -> Manifest:
    """titansoft-pte-ltd/imagepullsecret-patcher secret.go dockerconfigSecret."""
    return {"annotations": {"app.kubernetes.io/managed-by": "imagepullsecret-patcher"}}


def _registry_creds(name: str) -> Manifest:
    """alexellis/registry-creds controllers/secret_reconciler.go createSecret, SetControllerReference."""
    owner = {
        "apiVersion": "ops.alexellis.io/v1",
        "kind": "ClusterPullSecret",
        "name": name.removesuffix("-registrycreds"),
        "uid": OWNER_UID,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {"ownerReferences": [owner]}


def _clustersecret(name: str) -> Manifest:
    """zakkg3/ClusterSecret src/kubernetes_utils.py create_secret_metadata, src/consts.py."""
    annotations = {
        "clustersecret.io/created-by": "ClusterSecrets",
        "clustersecret.io/version": "0.0.14",
        "clustersecret.io/last-sync": "2026-03-01T10:00:00.000000",
    }
    return {"annotations": annotations}


def _reflector(name: str) -> Manifest:
    """emberstack/kubernetes-reflector Core/Mirroring/ResourceMirror.cs ResourceReflect."""
    prefix = "reflector.v1.k8s.emberstack.com"
    annotations = {
        f"{prefix}/auto-reflects": "True",
        f"{prefix}/reflects": f"platform/{name}",
        f"{prefix}/reflected-version": "2634372",
        f"{prefix}/reflected-at": '"2026-03-01T10:00:00.0000000+00:00"',
    }
    return {"annotations": annotations}


def _kyverno(name: str) -> Manifest:
    """kyverno/kyverno pkg/background/common/constants.go and labels.go; a clone of a ClusterPolicy, Kyverno 1.12."""
    prefix = "generate.kyverno.io"
    labels = {
        "app.kubernetes.io/managed-by": "kyverno",
        f"{prefix}/clone-source": "",
        f"{prefix}/policy-name": "sync-secrets",
        f"{prefix}/policy-namespace": "",
        f"{prefix}/rule-name": "sync-image-pull-secret",
        f"{prefix}/source-group": "",
        f"{prefix}/source-kind": "Secret",
        f"{prefix}/source-namespace": "platform",
        f"{prefix}/source-uid": "7e9a782d-3e25-419d-866e-73535a6e562a",
        f"{prefix}/source-version": "v1",
        f"{prefix}/trigger-group": "",
        f"{prefix}/trigger-kind": "Namespace",
        f"{prefix}/trigger-namespace": "",
        f"{prefix}/trigger-uid": OWNER_UID,
        f"{prefix}/trigger-version": "v1",
    }
    return {"labels": labels}


_METADATA: dict[Tool, Callable[[str], Manifest]] = {
    Tool.TAMCORE: _tamcore,
    Tool.TITANSOFT: _titansoft,
    Tool.REGISTRY_CREDS: _registry_creds,
    Tool.CLUSTERSECRET: _clustersecret,
    Tool.REFLECTOR: _reflector,
    Tool.KYVERNO: _kyverno,
}


def deployment(namespace: str, name: str, image: str, replicas: int = 1) -> Manifest:
    """A Deployment that runs a tool."""
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
