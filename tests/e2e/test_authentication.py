"""Harbor's login through a real OpenID provider, with refresh tokens off and on, and with a wrong endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.oidc_provider import OidcProvider
from lab.process import wait_until
from lab.registries import merged
from lab.registry_fixture import RegistryFixture
from tests.e2e.harbor_api import call_harbor

pytestmark = pytest.mark.e2e

SETTINGS = "/configurations"


@pytest.fixture
def provider(full_registry: RegistryFixture) -> Iterator[OidcProvider]:
    """A provider that Harbor's pod reaches, while the registry has its section; Harbor is as before afterwards."""
    lab, registry = full_registry.lab, full_registry.registry
    provider = OidcProvider(lab.directory / "oidc", lab.processes, lab.authority)
    registry.put_secret("cr-oidc", {"clientSecret": "client-s3cr3t"})
    yield provider
    registry.apply(full_registry.spec)
    registry.wait_ready()
    call_harbor(full_registry, "PUT", SETTINGS, {"auth_mode": "db_auth"})
    provider.stop()


def warnings(fixture: RegistryFixture) -> set[str]:
    return {warning["code"] for warning in fixture.registry.status().get("warnings", [])}


def test_refresh_tokens_off_and_on_and_a_wrong_endpoint(full_registry: RegistryFixture, provider: OidcProvider) -> None:
    registry = full_registry.registry
    oidc: dict[str, Any] = {
        "name": "Example",
        "endpoint": provider.issuer,
        "clientID": "web",
        "clientSecretRef": {"name": "cr-oidc"},
        "caSecretRef": {"name": "cr-ca"},
    }
    provider.start(refresh=False)
    registry.apply(
        merged(full_registry.spec, {"authentication": {"oidc": {**oidc, "endpoint": f"{oidc['endpoint']}/"}}})
    )
    mismatch = registry.wait_condition("Configured", "False", "OidcIssuerMismatch")
    assert f"names itself '{provider.issuer}'" in mismatch["message"]
    assert call_harbor(full_registry, "GET", SETTINGS)["auth_mode"]["value"] == "db_auth"

    registry.apply(merged(full_registry.spec, {"authentication": {"oidc": oidc}}))
    registry.wait_ready()
    assert "OidcNoRefreshToken" in warnings(full_registry)
    assert "users log in through OIDC" in registry.condition("Configured")["message"]
    settings = call_harbor(full_registry, "GET", SETTINGS)
    assert settings["auth_mode"]["value"] == "oidc_auth"
    assert settings["oidc_endpoint"]["value"] == provider.issuer

    provider.start(refresh=True)
    wait_until(
        lambda: "OidcNoRefreshToken" not in warnings(full_registry), "the warning is gone", deadline=60, interval=0.2
    )
    assert registry.condition("Configured")["status"] == "True"
