"""Which objects a stored release lists, whatever another client has written into it."""

from __future__ import annotations

import base64
import gzip
import json

import pytest
from pydantic import SecretStr

from harbor_operator.model.release import ListedObject
from harbor_operator.plan.helm_manifest import (
    MAX_COMPARED_OBJECTS,
    MAX_LISTED_OBJECTS,
    MAX_MANIFEST_CHARACTERS,
    listed_objects,
    release_objects,
)

MANIFEST = """---
# Source: harbor/templates/core.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: "cr-core"
  labels: {name: other, kind: other}
  annotations:
    nested: [{metadata: {name: other}}]
spec:
  template:
    kind: Pod
    metadata: {name: other, namespace: other}
---
# only a comment
---
{"kind": "Secret", "metadata": {"namespace": "victim", "name": "pins"}, "apiVersion": "v1", "data": {"name": "a"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cr-core, namespace: intra}
"""


def packed(manifest: str) -> SecretStr:
    return SecretStr(base64.b64encode(gzip.compress(json.dumps({"manifest": manifest}).encode())).decode())


def test_each_object_is_listed_once_with_its_namespace() -> None:
    assert listed_objects(packed(MANIFEST), "intra") == (
        ListedObject("apps/v1", "Deployment", "cr-core", "intra"),
        ListedObject("v1", "Secret", "pins", "victim"),
    )


@pytest.mark.parametrize("version", ["v1/../../api/v1/secrets", "v1?watch=1", "../v1", "apps/v1/x", "V1", "apps/"])
def test_a_version_that_is_none_is_left_to_helm(version: str) -> None:
    text = json.dumps({"apiVersion": version, "kind": "Secret", "metadata": {"name": "pins"}})
    assert listed_objects(packed(text), "intra") == ()


@pytest.mark.parametrize("document", ["", "[]", "text", "a: {", "kind: Secret", "metadata: {name: [a]}", "? [a]\n: b"])
def test_what_is_no_object_is_left_to_helm(document: str) -> None:
    assert listed_objects(packed(f"{document}\n{MANIFEST}"), "intra")[-1].namespace == "victim"


def test_an_alias_hides_nothing() -> None:
    text = "apiVersion: v1\nkind: Secret\na: &x victim\nmetadata: {name: pins, namespace: *x}"
    with pytest.raises(ValueError, match="aliases"):
        listed_objects(packed(text), "intra")


def test_a_manifest_costs_a_bounded_amount() -> None:
    one = "---\n{apiVersion: v1, kind: Secret, metadata: {name: a%d}}\n"
    with pytest.raises(ValueError, match="more objects"):
        listed_objects(packed("".join(one % number for number in range(MAX_LISTED_OBJECTS + 1))), "intra")
    with pytest.raises(ValueError, match="larger"):
        listed_objects(packed("a" * (MAX_MANIFEST_CHARACTERS + 1)), "intra")
    with pytest.raises(ValueError, match="deeper"):
        listed_objects(packed("[" * MAX_MANIFEST_CHARACTERS), "intra")


def test_objects_have_the_marks_of_helm() -> None:
    core, pins = release_objects(packed(MANIFEST.replace("  labels: {name: other, kind: other}\n", "")), "cr", "intra")
    assert core.manifest["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "Helm"}
    assert pins.listed.namespace == "victim"
    assert pins.manifest["data"] == {"name": "a"}
    assert pins.manifest["metadata"]["annotations"] == {
        "meta.helm.sh/release-name": "cr",
        "meta.helm.sh/release-namespace": "intra",
    }
    assert "'name': 'a'" not in repr(pins)


@pytest.mark.parametrize("value", ["[" * 40 + "]" * 40, f"'{'a' * (300 << 10)}'"])
def test_an_object_that_is_too_large_is_refused_without_its_text(value: str) -> None:
    document = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\ndata: {value}\n"
    with pytest.raises(ValueError, match="Secret is") as caught:
        release_objects(packed(document), "cr", "intra")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", ["../x", "x/status", "x?dryRun=All", "x%2Fy", "x y", "..", "x" * 300])
@pytest.mark.parametrize("field", ["kind", "name", "namespace"])
def test_a_name_that_would_change_the_request_is_refused(field: str, name: str) -> None:
    fields = {"kind": "Secret", "name": "a", "namespace": "intra", field: name}
    text = json.dumps({"apiVersion": "v1", "kind": fields.pop("kind"), "metadata": fields})
    with pytest.raises(ValueError, match="a name that no object can have"):
        release_objects(packed(text), "cr", "intra")


def test_the_number_of_compared_objects_is_limited() -> None:
    one = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s%d}\n"
    text = "".join(one % number for number in range(MAX_COMPARED_OBJECTS + 1))
    with pytest.raises(ValueError, match="more objects"):
        release_objects(packed(text), "cr", "intra")


@pytest.mark.parametrize("metadata", ["[1]", "text", "{labels: [1]}"])
def test_metadata_that_is_none_is_refused(metadata: str) -> None:
    document = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nmetadata: {metadata}\n"
    with pytest.raises((TypeError, ValueError)):
        release_objects(packed(document), "cr", "intra")
