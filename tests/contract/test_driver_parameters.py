"""Values of the storage driver with which a real registry does not start: the API server refuses them in a spec.

The registry starts with what the operator and the chart make of the corrected spec, and takes an image on a real RADOS
gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import yaml
from pydantic import SecretStr

from harbor_operator.checks.catalogue.search import problems, recognize
from lab.chart import LAB_CHART
from lab.controlplane import ControlPlane
from lab.images import make_image
from lab.process import LabError, Processes
from lab.registries import Registry
from lab.skopeo import Skopeo
from tests.contract.gateway import KEY, Gateway
from tests.contract.test_helm_template import objects, render
from tests.contract.test_registry_symptoms import start, swift_driver

pytestmark = pytest.mark.lab


class Case(NamedTuple):
    """A value as a person writes it, what the registry and the API server say of it, and the corrected field."""

    written: Mapping[str, Any]
    problem: str
    remedy: str
    field: Mapping[str, Any]
    refusal: str
    corrected: Mapping[str, Any]
    section: str = "swift"


CASES = {
    "a chunk size as text": Case(
        {"chunksize": "5M"},
        "DriverParameterInvalid",
        "set `spec.storage.swift.chunkSizeMiB`",
        {"chunkSizeMiB": "5M"},
        'expected "integer"',
        {"chunkSizeMiB": 5},
    ),
    "methods of Temp URLs as text": Case(
        {"tempurlmethods": "GET"},
        "DriverParameterInvalid",
        "`tempurlmethods: 'GET,HEAD'` in `spec.storage.driver.parameters`",
        {"tempurlmethods": "GET+HEAD"},
        "`parameters.tempurlmethods` must be methods with commas between them",
        {"tempurlmethods": "GET,HEAD"},
        "driver",
    ),
    "a container whose name is too short": Case(
        {"container": "cr"},
        "DriverParameterInvalid",
        "Give the container a name of 3 or more characters",
        {"container": "cr"},
        "spec.storage.swift.container in body should be at least 3 chars long",
        {"container": "cr-{uid}"},
    ),
}


def storage_of(case: Case, fields: Mapping[str, Any], login: Mapping[str, Any], uid: str) -> dict[str, Any]:
    """Returns `spec.storage` with these fields of the case."""
    given = {key: value.format(uid=uid) if isinstance(value, str) else value for key, value in fields.items()}
    if case.section == "swift":
        wanted = {"authURL": login["authurl"], "container": login["container"]}
        return {"swift": {**wanted, "credentialsSecretRef": {"name": "swift"}, **given}}
    names = ("authurl", "username", "container")
    parameters = {**{name: login[name] for name in names}, "authversion": "1", **given}
    return {"driver": {"name": "swift", "parameters": parameters, "secretRef": {"name": "swift"}}}


@pytest.mark.parametrize("name", CASES)
def test_a_value_that_stops_the_registry_never_reaches_it(
    name: str, plane: ControlPlane, gateway: Gateway, tmp_path: Path, processes: Processes
) -> None:
    case, uid = CASES[name], f"u{uuid4().hex[:8]}"
    driver, ca = swift_driver(gateway, uid), gateway.authority.ca_path
    login = driver["swift"]
    with pytest.raises(LabError) as stopped:
        start(tmp_path, processes, {"swift": {**login, **case.written}}, ca=ca)
    assert case.problem in {found for line in str(stopped.value).splitlines() for found in recognize(line)}
    assert case.remedy in problems()[case.problem].remedy

    registry = Registry(plane, f"driver-{uid}", "cr")
    registry.prepare()
    spec = {"externalURL": "https://localhost:1", "suspend": True, "release": {"version": "1.19.1"}}
    with pytest.raises(LabError) as refused:
        registry.apply({**spec, "storage": storage_of(case, case.field, login, uid)})
    assert case.refusal in str(refused.value)
    corrected = storage_of(case, case.corrected, login, uid)
    registry.apply({**spec, "storage": corrected})
    plane.kubectl("-n", registry.namespace, "delete", "hreg", "cr")

    configs = (each.get("data", {}).get("config.yml", "") for each in objects(render_lab_chart(corrected, tmp_path)))
    (section,) = [yaml.safe_load(text)["storage"]["swift"] for text in configs if "swift:" in text]
    accepted = {**section, "username": login["username"], "password": KEY}
    running = start(tmp_path, processes, {"swift": accepted}, ca=ca)
    make_image(tmp_path / "image", size=6 << 20)
    assert Skopeo(tmp_path / "skopeo").copy_in(tmp_path / "image", f"{running.address}/library/app:1")


def render_lab_chart(storage: dict[str, Any], tmp_path: Path) -> str:
    """Renders a release: the chart prints the values of the driver without quotes, as the official one does."""
    credential = (
        {"driver_credential": {"REGISTRY_STORAGE_SWIFT_PASSWORD": SecretStr(KEY)}} if "driver" in storage else {}
    )
    return render(str(LAB_CHART), tmp_path, storage=storage, **credential)
