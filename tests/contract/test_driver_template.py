"""`spec.storage.driver` as the official chart renders it: with HARBOR_CHART, whatever its version is."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from lab.gotools import program
from tests.contract.test_helm_template import HARBOR_CHART, objects, render
from tests.fakes.storage_driver import CREDENTIALS, GCS, OSS, VALID

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not HARBOR_CHART, reason="the official chart is not here (HARBOR_CHART)"),
]

EXISTING_SECRETS = 14
"""From this minor on, the chart reads the credential of every driver from an existing Secret."""


def chart_version() -> str:
    argv = [str(program("helm")), "show", "chart", str(HARBOR_CHART)]
    shown = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    return str(yaml.safe_load(shown)["version"])


def rendered(driver: dict[str, Any], tmp_path: Path) -> str:
    credential = {key: SecretStr(value) for key, value in CREDENTIALS[driver["name"]].items()}
    storage = {"driver": driver}
    return render(str(HARBOR_CHART), tmp_path, version=chart_version(), storage=storage, driver_credential=credential)


def storage_section(text: str, name: str) -> dict[str, Any]:
    configs = [o["data"]["config.yml"] for o in objects(text) if "config.yml" in (o.get("data") or {})]
    found = [yaml.safe_load(config)["storage"] for config in configs if f"{name}:" in config]
    section: dict[str, Any] = found[0]
    return section


@pytest.mark.parametrize("name", VALID)
def test_the_registry_gets_every_parameter(name: str, tmp_path: Path) -> None:
    driver = VALID[name]
    section = storage_section(rendered(driver, tmp_path), name)
    assert section["redirect"] == {"disable": True}
    got = {key: str(value) for key, value in section[name].items()}
    keyfile = {"keyfile": "/etc/registry/gcs-key.json"} if name == "gcs" else {}
    assert got == driver["parameters"] | keyfile


def test_the_name_of_a_bucket_is_part_of_the_endpoint_of_oss(tmp_path: Path) -> None:
    driver = {**OSS, "parameters": {**OSS["parameters"], "endpoint": "oss.example.com", "secure": "false"}}
    section = storage_section(rendered(driver, tmp_path), "oss")["oss"]
    assert section["endpoint"] == "images.oss.example.com"
    assert section["secure"] is False


def test_the_identity_of_the_pod_needs_no_key(tmp_path: Path) -> None:
    driver = {"name": "gcs", "parameters": {"bucket": "images", "useWorkloadIdentity": "true"}}
    text = render(str(HARBOR_CHART), tmp_path, version=chart_version(), storage={"driver": driver})
    assert storage_section(text, "gcs")["gcs"] == {"bucket": "images"}
    assert "gcs-key" not in text


@pytest.mark.parametrize("name", [name for name, keys in CREDENTIALS.items() if keys])
def test_both_containers_read_the_credential(name: str, tmp_path: Path) -> None:
    text = rendered(VALID[name], tmp_path)
    (pod,) = (
        o["spec"]["template"]["spec"]
        for o in objects(text)
        if o["kind"] == "Deployment" and o["metadata"]["name"].endswith("-registry")
    )
    minor = int(chart_version().split(".")[1])
    if name in {"oss", "swift"} and minor < EXISTING_SECRETS:
        assert "hreg-cr-storage-login" not in text
        return
    assert [value for value in CREDENTIALS[name].values() if value.strip() in text] == []
    assert "secret-key-1" not in text
    if name == "gcs":
        (volume,) = (volume for volume in pod["volumes"] if volume["name"] == GCS["name"] + "-key")
        assert volume["secret"]["secretName"] == "hreg-cr-storage-login"
        assert all("gcs-key" in str(container["volumeMounts"]) for container in pod["containers"])
        return
    for container in pod["containers"]:
        references = [variable.get("valueFrom", {}).get("secretKeyRef", {}) for variable in container["env"]]
        found = [reference["key"] for reference in references if reference.get("name") == "hreg-cr-storage-login"]
        assert set(CREDENTIALS[name]) <= set(found), container["name"]
