"""Settings come from the environment once; an invalid one is named and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from harbor_operator.log_format import LogFormat
from harbor_operator.settings import Settings, SettingsError, read_settings


def test_an_empty_environment_means_the_defaults() -> None:
    assert read_settings({}) == Settings()


def test_our_variables_win_over_those_of_the_cluster() -> None:
    environment = {
        "HOSTNAME": "pod-7",
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "6443",
        "HARBOR_OPERATOR_IDENTITY": "replica-1",
        "HARBOR_OPERATOR_WORKERS": "8",
        "HARBOR_OPERATOR_HELM": "/usr/local/bin/helm",
        "HARBOR_OPERATOR_CHARTS_DIR": "",
        "HARBOR_OPERATOR_LOG_FORMAT": "json",
    }
    settings = read_settings(environment)
    assert (settings.identity, settings.workers, settings.helm) == ("replica-1", 8, Path("/usr/local/bin/helm"))
    assert (settings.api_host, settings.api_port, settings.charts_dir) == ("10.96.0.1", 6443, None)
    assert settings.log_format is LogFormat.JSON


@pytest.mark.parametrize(
    "name", ["WORKERS", "LISTEN_PORT", "LOG_LEVEL", "CHART_SOURCES", "LOG_FORMAT", "NO_SUCH_THING"]
)
def test_an_invalid_variable_is_named_and_its_value_is_not_shown(name: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings({f"HARBOR_OPERATOR_{name}": "hunter2"})
    assert f"HARBOR_OPERATOR_{name}" in str(error.value)
    assert "hunter2" not in str(error.value)
