"""The API server stores the CRD exactly as the file has it.

A part that it drops, such as an empty `properties`, makes the applied list of versions differ from the stored one. A
server-side apply then conflicts with an earlier client-side one, although nothing has changed.
"""

from __future__ import annotations

import json

import pytest

from harbor_operator.api.crd import crd
from harbor_operator.api.kind import GROUP, PLURAL
from lab.controlplane import ControlPlane

pytestmark = pytest.mark.lab


def test_the_stored_versions_are_those_of_the_file(plane: ControlPlane) -> None:
    stored = json.loads(plane.kubectl("get", "crd", f"{PLURAL}.{GROUP}", "-o", "json"))
    assert stored["spec"]["versions"] == crd()["spec"]["versions"]
