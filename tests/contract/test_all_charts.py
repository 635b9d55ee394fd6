"""The values for every minor of the official chart, as that chart's own templates render them (HARBOR_CHARTS)."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from harbor_operator.api.charts import CHARTS, Feature, find_chart
from lab.chart import ALL_VARIABLE, official_charts
from lab.gotools import program
from tests.contract.test_helm_template import GIVEN, objects, render
from tests.fakes.release import CACHE_PASSWORD

FOUND = official_charts()
UNPINNED = 8
"""The minor whose registry login is hashed at each render: it has no value for the hash."""

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not FOUND, reason=f"the official charts are not here ({ALL_VARIABLE})"),
]


@pytest.fixture(params=[chart.minor for chart in CHARTS])
def version(request: pytest.FixtureRequest) -> str:
    found = [version for version in FOUND if (chart := find_chart(version)) and chart.minor == request.param]
    if not found:
        pytest.skip(f"no chart 1.{request.param} is here ({ALL_VARIABLE})")
    return found[-1]


def test_every_chart_gets_the_servers_and_no_password_in_the_clear(version: str, tmp_path: Path) -> None:
    chart = find_chart(version)
    assert chart
    rendered = render(str(FOUND[version]), tmp_path, version=version)
    for text in (
        "chunksize: 20971520\n",
        "relativeurls: true",
        "authurl: https://s3.example.com/auth/v1.0",
        "pg.example.com",
        "redis.example.com",
    ):
        assert text in rendered, text
    assert "PersistentVolumeClaim" not in rendered
    # Before extraEnvVars, the charts write the password of Redis into their ConfigMaps themselves.
    known = () if chart.supports(Feature.EXTRA_ENV) else (CACHE_PASSWORD,)
    assert [word for word in GIVEN if word in rendered and word not in known] == []
    workloads = [found for found in objects(rendered) if found["kind"] in {"Deployment", "StatefulSet"}]
    assert all(found["metadata"]["labels"]["release"] == "cr" for found in workloads)


def test_no_secret_that_everyone_knows_is_rendered(version: str, tmp_path: Path) -> None:
    """The charts have default passwords, and some of the old ones a private key for tokens (GHSA-j7jh-fmcm-xxwv)."""
    folder = FOUND[version]
    published = [path.read_text() for path in folder.glob("cert/tls.key")]
    words = ["Harbor12345", "not-a-secure-key", *published]
    argv = [str(program("helm")), "template", "cr", str(folder)]
    defaults = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    assert all(any(form in defaults for form in _forms(word)) for word in words)
    rendered = render(str(folder), tmp_path, version=version)
    assert [form for word in words for form in _forms(word) if form in rendered] == []


def test_two_renders_are_the_same(version: str, tmp_path: Path) -> None:
    first, second = (list(objects(render(str(FOUND[version]), tmp_path, version=version))) for _ in range(2))
    differing = {
        f"{one['kind']} {one['metadata']['name']}" for one, other in zip(first, second, strict=True) if one != other
    }
    chart = find_chart(version)
    assert chart
    if chart.minor == UNPINNED:
        assert differing == {"Secret cr-harbor-registry-htpasswd", "Deployment cr-harbor-registry"}
    else:
        assert differing == set()


def _forms(word: str) -> tuple[str, str]:
    """The word as it is, and as the data of a Secret contains it."""
    return word, base64.b64encode(word.encode()).decode()
