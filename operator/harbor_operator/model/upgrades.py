"""An upgrade of Harbor: its steps, and what the next of them waits for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UpgradeStep:
    """One upgrade with Helm to a chart version; `migrates` says whether Harbor then migrates its database."""

    version: str
    harbor_minor: str
    migrates: bool


@dataclass(frozen=True, slots=True)
class UpgradeFacts:
    """The steps from the deployed chart version to that of the spec; without a step, there is nothing to upgrade.

    `waits_for` says what the first step waits for; it is empty while the step runs.
    """

    installed: str = ""
    target: str = ""
    steps: tuple[UpgradeStep, ...] = ()
    waits_for: tuple[str, ...] = ()


NO_UPGRADE = UpgradeFacts()
