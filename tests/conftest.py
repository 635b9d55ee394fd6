"""The header of a test run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lab.node.choice import choose
from lab.process import LabError


def pytest_report_collectionfinish(items: Sequence[pytest.Item]) -> str:
    """Reports the kind of node if the run contains end-to-end tests."""
    if not any(item.get_closest_marker("e2e") for item in items):
        return ""
    try:
        return choose().describe()
    except LabError as error:
        raise pytest.UsageError(str(error)) from None
