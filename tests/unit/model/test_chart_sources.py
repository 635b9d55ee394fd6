"""Which URLs a list of allowed sources covers."""

from __future__ import annotations

import pytest

from harbor_operator.model.chart_sources import ChartSources

SOURCES = ChartSources.parse(
    "https://helm.goharbor.io, https://charts.example.com/stable/,oci://[fd00::1]:5000/a,/charts,http://localhost:81"
)


def test_a_list_is_split_into_urls_and_directories() -> None:
    assert SOURCES.directories == ("/charts",)
    assert len(SOURCES.urls) == 4
    assert ChartSources.parse("") == ChartSources(())


@pytest.mark.parametrize(
    "url",
    [
        "https://helm.goharbor.io",
        "https://helm.goharbor.io/",
        "https://HELM.goharbor.io:443/sub/path",
        "https://charts.example.com/stable",
        "https://charts.example.com/stable/x",
        "oci://[FD00::1]:5000/a/harbor",
        "http://localhost:81/x",
    ],
)
def test_a_prefix_covers_what_is_below_it(url: str) -> None:
    assert SOURCES.allows_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://helm.goharbor.io",
        "https://helm.goharbor.io.example.com",
        "https://helm.goharbor.io@example.com",
        "https://user:password@helm.goharbor.io",
        "https://helm.goharbor.io:8443",
        "https://helm.goharbor.io\\@example.com",
        "https://helm.goharbor.io/a?b",
        "https://helm.goharbor.io/a#b",
        "https://helm.goharbor.io/%2e%2e",
        "https://charts.example.com",
        "https://charts.example.com/stable-2",
        "https://charts.example.com/stable/../incubator",
        "https://charts.example.com//stable",
        "oci://[fd00::1]:5000/b",
        "oci://helm.goharbor.io/a",
        "file:///charts/harbor",
        "http://localhost",
        "",
    ],
)
def test_nothing_else_is_covered(url: str) -> None:
    assert not SOURCES.allows_url(url)


@pytest.mark.parametrize("text", ["http://charts.example.com", "charts", "https://a b", "https://u:p@a", "oci://"])
def test_an_entry_that_is_neither_form_is_counted(text: str) -> None:
    with pytest.raises(ValueError, match="entry 2 is neither an https:// or oci:// URL nor an absolute directory"):
        ChartSources.parse(f"/charts,{text}")
