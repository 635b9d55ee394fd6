from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from harbor_operator.api import chart_source
from harbor_operator.api.chart_source import ChartReference, ChartRepository

CHART = TypeAdapter[str](ChartReference)
REPOSITORY = TypeAdapter[str](ChartRepository)


@pytest.mark.parametrize(
    "repository",
    [
        "https://helm.goharbor.io",
        "https://charts.example.com:8443/harbor/",
        "https://[fd00::1]/charts",
        "http://localhost:8080",
        "http://127.0.0.1:8080/charts",
        "http://[::1]:8080",
    ],
)
def test_a_repository_is_reached_over_tls_or_on_this_machine(repository: str) -> None:
    assert REPOSITORY.validate_python(repository) == repository


@pytest.mark.parametrize(
    ("repository", "message"),
    [
        ("https://ci:hunter2@charts.example.com", chart_source.REPOSITORY_LOGIN_MESSAGE),
        ("http://ci@localhost:8080", chart_source.REPOSITORY_LOGIN_MESSAGE),
        ("http://localhost:pw@charts.example.com", chart_source.REPOSITORY_LOGIN_MESSAGE),
        ("https://ci:hunter/2@charts.example.com", chart_source.REPOSITORY_MESSAGE),
        ("https://charts.example.com?token=hunter2", chart_source.REPOSITORY_MESSAGE),
        ("http://charts.example.com", chart_source.REPOSITORY_MESSAGE),
        ("http://localhost.example.com", chart_source.REPOSITORY_MESSAGE),
        ("http://127.0.0.1.example.com", chart_source.REPOSITORY_MESSAGE),
        ("https://charts.example.com\n", chart_source.REPOSITORY_MESSAGE),
        ("oci://charts.example.com/harbor", chart_source.REPOSITORY_MESSAGE),
        ("", chart_source.REPOSITORY_MESSAGE),
    ],
)
def test_any_other_repository_is_refused_with_the_reason(repository: str, message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        REPOSITORY.validate_python(repository)
    (error,) = refused.value.errors()
    assert error["msg"] == f"Value error, {message}"
    assert "hunter2" not in error["msg"]


@pytest.mark.parametrize(
    "chart",
    [
        "harbor",
        "harbor/harbor",
        "/charts/harbor-1.19.1.tgz",
        "oci://registry.example.com/charts/harbor",
        "oci://registry.example.com/charts/harbor@sha256:00",
        "https://charts.example.com/harbor-1.19.1.tgz",
        "http://localhost:8080/harbor-1.19.1.tgz",
    ],
)
def test_a_chart_is_a_name_a_path_or_an_encrypted_url(chart: str) -> None:
    assert CHART.validate_python(chart) == chart


@pytest.mark.parametrize(
    ("chart", "message"),
    [
        ("oci://ci:hunter2@registry.example.com/harbor", chart_source.CHART_LOGIN_MESSAGE),
        ("https://ci:hunter2@charts.example.com/harbor.tgz", chart_source.CHART_LOGIN_MESSAGE),
        ("http://charts.example.com/harbor.tgz", chart_source.CHART_HTTP_MESSAGE),
    ],
)
def test_any_other_chart_is_refused_with_the_reason(chart: str, message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        CHART.validate_python(chart)
    assert refused.value.errors()[0]["msg"] == f"Value error, {message}"
