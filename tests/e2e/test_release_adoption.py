"""A running Harbor that a tenant installed with Helm, on a database of its own, becomes the operator's as it is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from harbor_operator.adapters.secrets import SECRET_GENERATOR
from lab.lab import Lab
from lab.operator import USER
from lab.process import wait_until
from lab.registries import Registry, merged
from tests.e2e.conftest import MakeRegistry
from tests.e2e.dedicated import FAST_PROBES

pytestmark = pytest.mark.e2e

Manifest = dict[str, Any]

URL = "https://localhost:1"
ROLE, PASSWORD, DATABASE = "given_harbor", "given-p@ss:w/rd#1", "given_registry"
GIVEN = {
    "secretKey": "0123456789abcdef",
    "secret": "core-secret-0123",
    "CSRF_KEY": "csrf-key-0123456789012345678901x",
    "JOBSERVICE_SECRET": "jobservice-01234",
    "REGISTRY_HTTP_SECRET": "registry-http-01",
    "REGISTRY_PASSWD": "registry-password",
    "REGISTRY_HTPASSWD": "harbor_registry_user:no-pod-of-this-test-pulls",
    "HARBOR_ADMIN_PASSWORD": "Admin0Password",
}
REPORTS = {"harborregistries", "events"}
"""Resources in which a plan is reported."""
KEPT: Manifest = {
    **FAST_PROBES,
    "trivy": {"enabled": False},
    "updateStrategy": {"type": "Recreate"},
    "database": {"maxIdleConns": 10, "maxOpenConns": 20},
}
"""Values that the tenant and the spec have in common."""


def tenants_values(lab: Lab) -> Manifest:
    """The values of the tenant, whose own Secret 'given' has all secrets of Harbor."""
    postgres = lab.services.postgres
    external = {
        "host": postgres.host,
        "port": postgres.port,
        "username": ROLE,
        "coreDatabase": DATABASE,
        "sslmode": "verify-full",
        "existingSecret": "pg-harbor",
    }
    own: Manifest = {
        "externalURL": URL,
        "expose": {"type": "clusterIP", "tls": {"enabled": False}},
        "caBundleSecretName": "pg-ca",
        "existingSecretAdminPassword": "given",
        "existingSecretSecretKey": "given",
        "core": {"existingSecret": "given", "secretName": "given", "existingXsrfSecret": "given"},
        "jobservice": {"existingSecret": "given", "jobLoggers": ["stdout"]},
        "registry": {"existingSecret": "given", "credentials": {"existingSecret": "given"}},
        "database": {"type": "external", "external": external},
    }
    return merged(KEPT, own)


def install(lab: Lab, registry: Registry) -> None:
    """What exists before the operator: a role that creates nothing, its database, Secrets, and a release with pods."""
    plane, postgres = lab.control_plane, lab.services.postgres
    postgres.query(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
    postgres.query(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
    token = SECRET_GENERATOR.key_pair()
    pair = {"tls.crt": token.certificate.get_secret_value(), "tls.key": token.key.get_secret_value()}
    registry.put_secrets(
        {
            "given": {**GIVEN, **pair},
            "pg-harbor": {"username": ROLE, "password": PASSWORD},
            "pg-ca": {"ca.crt": lab.authority.ca_path.read_text()},
        }
    )
    tenant = plane.kubeconfig_for_service_account(registry.namespace, "harbor-release")
    given = ("--namespace", registry.namespace, "--set-json", json.dumps(tenants_values(lab)))
    plane.helm("install", "cr", lab.chart.reference, *given, "--server-side=false", kubeconfig=tenant)
    wait_until(lambda: pods(lab, registry), "the pods of the tenant run", deadline=120)


def pods(lab: Lab, registry: Registry) -> dict[str, str]:
    """The uid and the restarts of each pod; empty until all are ready."""
    found = json.loads(lab.control_plane.kubectl("-n", registry.namespace, "get", "pods", "-o", "json"))["items"]
    statuses = [status for pod in found for status in pod["status"].get("containerStatuses", [])]
    if len(found) < 4 or not statuses or not all(status["ready"] for status in statuses):
        return {}
    return {
        pod["metadata"]["uid"]: str([s["restartCount"] for s in pod["status"]["containerStatuses"]]) for pod in found
    }


def spec_for(lab: Lab, **release: Any) -> Manifest:
    postgres = lab.services.postgres
    chart = {"chart": lab.chart.reference, "version": lab.chart.version, "adopt": True}
    return {
        "externalURL": URL,
        "checkIntervalSeconds": 5,
        "release": {**chart, **release},
        "expose": {"type": "clusterIP"},
        "database": {
            "host": postgres.host,
            "port": postgres.port,
            "caSecretRef": {"name": "pg-ca"},
            "credentialsSecretRef": {"name": "pg-harbor"},
            "names": {"core": DATABASE},
        },
    }


def test_a_running_harbor_is_taken_over_as_it_is(lab: Lab, make_registry: MakeRegistry) -> None:
    """Finding F15."""
    registry, postgres = make_registry("adopt"), lab.services.postgres
    install(lab, registry)
    before, changes, mark = pods(lab, registry), postgres.mark(), lab.control_plane.audit.mark()

    registry.apply(spec_for(lab))
    message = registry.wait_condition("ReleaseReady", "False", "ReleaseAdoptionRefused")["message"]
    assert "`registry.relativeurls` is false (the default of the chart): add it to `spec.release.values`" in message
    assert "`database.maxOpenConns` differs: add it to `spec.release.values`" in message
    values = merged(KEPT, {"registry": {"relativeurls": False}})
    registry.patch({"release": {"values": values}})
    message = registry.wait_condition("ReleaseReady", "False", "ReleaseAdoptionPlanned")["message"]
    assert " and sets `caBundleSecretName`, `jobservice.jobLoggers`" in message
    written = lab.control_plane.audit.writes_since(mark, USER)
    assert {write.resource for write in written if write.namespace == registry.namespace} <= REPORTS

    found = re.search(r"'([0-9a-f]{8})'$", message)
    assert found, message
    registry.patch({"release": {"adoptionPlan": found[1]}})
    message = registry.wait_condition("ReleaseReady", "True", "Converged")["message"]
    assert "is deployed as revision 1 of 'cr'" in message
    assert pods(lab, registry) == before
    stored = registry.secret("hreg-cr-pins")
    assert {key: stored[key] for key in GIVEN if key in stored} == {
        key: value for key, value in GIVEN.items() if key != "HARBOR_ADMIN_PASSWORD"
    }
    assert registry.secret("hreg-cr-admin-password") == {"password": GIVEN["HARBOR_ADMIN_PASSWORD"]}

    registry.delete()
    assert (DATABASE,) in postgres.query("SELECT datname FROM pg_database")
    assert postgres.changes_since(changes) == []
