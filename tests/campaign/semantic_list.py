"""Every semantic case."""

from __future__ import annotations

from tests.campaign.semantic import SemanticCase
from tests.campaign.semantic_backends import backend_cases
from tests.campaign.semantic_pulls import pull_cases
from tests.campaign.semantic_release import release_cases


def semantic_cases() -> list[SemanticCase]:
    """Returns every semantic case."""
    return [*backend_cases(), *release_cases(), *pull_cases()]
