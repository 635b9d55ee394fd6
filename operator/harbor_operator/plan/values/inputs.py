"""What the sections of the values file are made from."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.plan.secrets import Pin
from harbor_operator.plan.values.eras import Era, Feature

Tree = dict[str, Any]
"""Chart values; a leaf that must not be seen is a SecretStr."""


@dataclass(frozen=True, slots=True)
class Login:
    """A user and the password that fits."""

    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class UserValues:
    """Values of the user's own and where they were read; what came out of a Secret stays hidden."""

    origin: str
    tree: Tree
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Material:
    """What the Secrets hold that Harbor reads, as seen in this pass."""

    pins: Mapping[str, SecretStr]
    admin_password: SecretStr
    database_login: Login | None = None
    cache_password: SecretStr | None = None
    storage_login: Login | None = None
    ca_bundle: str = ""
    user_values: tuple[UserValues, ...] = field(default=())

    @property
    def everything(self) -> tuple[SecretStr, ...]:
        """All that must never be seen, for those who pass on what a foreign program wrote."""
        logins = (login.password for login in (self.database_login, self.storage_login) if login)
        cache = (self.cache_password,) if self.cache_password else ()
        public = {str(Pin.TOKEN_CERTIFICATE)}
        pins = (value for key, value in self.pins.items() if key not in public)
        return (*pins, self.admin_password, *logins, *cache)

    def mark(self, *contents: str) -> str:
        """Returns a digest that changes with the contents and tells nothing about them: it is keyed by a pin."""
        key = self.pins[Pin.DIGEST_KEY].get_secret_value().encode()
        return hmac.new(key, "\0".join(contents).encode(), hashlib.sha256).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Inputs:
    """One registry, its chart's era and what its Secrets hold."""

    registry: HarborRegistry
    era: Era
    material: Material
    trivy: bool = False

    @property
    def hides_redis_password(self) -> bool:
        """Whether the Redis password can be kept out of ConfigMaps.

        Trivy's pod takes its URL from the chart only (a second variable of that name is refused by the API server),
        so with Trivy the chart must be told the password.
        """
        from_chart = self.trivy or not self.era.has(Feature.EXTRA_ENV)
        return self.material.cache_password is not None and not from_chart
