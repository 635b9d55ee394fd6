"""What confirms an upgrade that migrates Harbor's database: the type of the field, and what status shows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harbor_operator.api.base import Model

OptionalVersion = Annotated[str, Field(max_length=32, pattern=r"^([0-9]+\.[0-9]+\.[0-9]+)?$")]


class UpgradeStepStatus(Model):
    """One upgrade with Helm."""

    version: str = Field(description="Chart version.")
    harbor_version: str = Field(description="Minor version of Harbor in that chart.")
    migrates_database: bool = Field(
        description="Whether Harbor migrates its database, so that only a backup leads back."
    )
    waits_for: list[str] = Field(default_factory=list, description="What the upgrade waits for; empty while it runs.")


class UpgradeStatus(Model):
    """The upgrades from the deployed chart version to the one in the spec."""

    current: str = Field(description="Chart version that is deployed.")
    target: str = Field(description="Chart version in `spec.release.version`.")
    steps: list[UpgradeStepStatus] = Field(description="Upgrades that remain, in their order.")
