"""When a backup must not set read-only mode."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.kubectl.backups.read_only import check_settable, check_unmarked
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.model.harbor import ObservedSetting

METADATA = {"name": "cr", "namespace": "intra", "uid": "uid-1"}


def registry(**spec: Any) -> HarborRegistry:
    return HarborRegistry.parse({"metadata": METADATA, "spec": {"externalURL": "https://cr.example.com", **spec}})


def test_another_backup_is_named_with_what_ends_it() -> None:
    check_unmarked({"metadata": METADATA})
    annotations = {"harbor-operator.io/read-only-since": "2026-01-02T03:04:05+00:00"}
    with pytest.raises(CommandError, match="began at 2026-01-02T03:04:05") as refused:
        check_unmarked({"metadata": {**METADATA, "annotations": annotations}})
    assert "`kubectl harbor backup cr -n intra --release`" in str(refused.value)


def test_the_operator_would_set_it_back() -> None:
    configuration = {"read_only": False}
    check_settable(registry(), ObservedSetting(value=False))
    check_settable(registry(configuration=configuration, suspend=True), ObservedSetting(value=False))
    with pytest.raises(CommandError, match="`kubectl harbor suspend cr -n intra --wait`"):
        check_settable(registry(configuration=configuration), ObservedSetting(value=False))


def test_settings_of_the_environment_cannot_be_changed() -> None:
    with pytest.raises(CommandError, match="CONFIG_OVERWRITE_JSON"):
        check_settable(registry(), ObservedSetting(value=False, is_editable=False))
