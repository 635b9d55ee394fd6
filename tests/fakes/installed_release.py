"""A release that another client has installed with the official chart and its default secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harbor_operator.api.v1alpha1 import HarborRegistry
from tests.fakes.helm import DESIRED_RELEASE
from tests.fakes.release import NAMESPACE, registry
from tests.fakes.release_fixture import ReleaseFixture

URL = "https://core.harbor.domain"

DEFAULTS: dict[str, Any] = {
    "externalURL": URL,
    "expose": {
        "type": "ingress",
        "tls": {"enabled": True, "certSource": "auto", "secret": {"secretName": ""}},
        "ingress": {
            "hosts": {"core": "core.harbor.domain"},
            "className": "",
            "annotations": {
                "ingress.kubernetes.io/ssl-redirect": "true",
                "ingress.kubernetes.io/proxy-body-size": "0",
                "nginx.ingress.kubernetes.io/ssl-redirect": "true",
                "nginx.ingress.kubernetes.io/proxy-body-size": "0",
            },
        },
        "nodePort": {"name": "harbor"},
    },
    "persistence": {
        "enabled": True,
        "resourcePolicy": "keep",
        "imageChartStorage": {
            "type": "filesystem",
            "disableredirect": False,
            "filesystem": {"rootdirectory": "/storage"},
            "s3": {"region": "us-west-1", "bucket": "bucketname"},
        },
    },
    "harborAdminPassword": "Harbor12345",
    "secretKey": "not-a-secure-key",
    "updateStrategy": {"type": "RollingUpdate"},
    "core": {"replicas": 1, "extraEnvVars": []},
    "jobservice": {"jobLoggers": ["file"], "maxJobWorkers": 10},
    "registry": {"relativeurls": False, "credentials": {"username": "harbor_registry_user"}},
    "trivy": {"enabled": True, "gitHubToken": ""},
    "database": {"type": "internal", "internal": {"password": "changeit"}, "external": {"port": "5432"}},
    "redis": {"type": "internal", "external": {"addr": "192.168.0.2:6379"}},
}
"""A part of the defaults of the official chart."""

KEEPING: dict[str, Any] = {
    "trivy": {"enabled": True},
    "updateStrategy": {"type": "RollingUpdate"},
    "registry": {"relativeurls": False},
}
"""The values with which the spec keeps those defaults."""

SECRETS: dict[str, dict[str, str]] = {
    "cr-harbor-core": {
        "secretKey": "not-a-secure-key",
        "secret": "core-secret-0123",
        "CSRF_KEY": "csrf-key-0123456789012345678901",
        "tls.crt": "-----TOKEN CERTIFICATE-----",
        "tls.key": "-----TOKEN KEY-----",
        "HARBOR_ADMIN_PASSWORD": "Harbor12345",
        "REGISTRY_CREDENTIAL_PASSWORD": "harbor_registry_password",
    },
    "cr-harbor-jobservice": {"JOBSERVICE_SECRET": "jobservice-01234"},
    "cr-harbor-registry": {"REGISTRY_HTTP_SECRET": "registry-http-01"},
    "cr-harbor-registry-htpasswd": {"REGISTRY_HTPASSWD": "harbor_registry_user:$2a$10$salt"},
    "cr-harbor-database": {"POSTGRES_PASSWORD": "changeit"},
}

MANIFEST = "".join(f"---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n" for name in SECRETS)

EXPECTED = {
    **{key: value for key, value in SECRETS["cr-harbor-core"].items() if not key.startswith(("HARBOR", "REGISTRY"))},
    **SECRETS["cr-harbor-jobservice"],
    **SECRETS["cr-harbor-registry"],
    **SECRETS["cr-harbor-registry-htpasswd"],
    "REGISTRY_PASSWD": "harbor_registry_password",
    "DATABASE_PASSWORD": "changeit",
}
"""What the operator stores as its own."""


def install(cr: ReleaseFixture, config: dict[str, Any] | None = None, status: str = "deployed", **changes: Any) -> None:
    """What `helm install cr harbor/harbor` leaves; keyword arguments replace facts of its payload."""
    facts = {"config": config or {}, "manifest": MANIFEST, "defaults": DEFAULTS, "labels": {}, **changes}
    cr.helm.write_revision(replace(DESIRED_RELEASE, namespace=NAMESPACE), status, **facts)
    for name, values in SECRETS.items():
        cr.kube.put(NAMESPACE, name, values)


def adopting(plan: str = "", values: dict[str, Any] | None = None, **spec: Any) -> HarborRegistry:
    """The registry that describes this release; keyword arguments replace parts of the spec."""
    release = {
        "version": "1.19.1",
        "adopt": True,
        "adoptionPlan": plan,
        "values": KEEPING if values is None else values,
    }
    parts: dict[str, Any] = {
        "externalURL": URL,
        "expose": {"tlsSecretName": "cr-tls"},
        **dict.fromkeys(("database", "cache", "storage", "caSecretRef")),
        "release": {**release, **spec.pop("release", {})},
    }
    return registry(**{**parts, **spec})
