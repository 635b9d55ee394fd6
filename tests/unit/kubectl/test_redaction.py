"""What a report loses."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.kubectl.redaction import redact_line, reduce_registry, reduce_workload


@pytest.mark.parametrize(
    "line",
    [
        "GET https://admin:" + "SECRET@cr.example.com/v2/",
        "redis://:SECRET@redis:6379/0",
        "Authorization: Basic SECRET==",
        "authorization=Bearer SECRET",
        'level=info msg="{\\"password\\": \\"SECRET\\"}"',
        '{"robotSecret":"SECRET","name":"x"}',
        "HARBOR_ADMIN_PASSWORD=SECRET next",
        "password: 'SECRET with spaces'",
        "host=pg user=harbor password=SECRET sslmode=disable",
        "jwt eyJhbGciOiJSUzI1NiJ9.eyJSECRET.c2ln",
        "secret_key=SECRET&other=1",
    ],
)
def test_a_secret_is_removed(line: str) -> None:
    found = redact_line(line)
    assert "SECRET" not in found
    assert "REMOVED" in found


def test_a_long_random_word_is_removed() -> None:
    assert redact_line("created aB3dE5fG7hI9jK1lM3nO5pQ7rS9") == "created REMOVED"


@pytest.mark.parametrize(
    "line",
    [
        "error resolving upload: invalid secret",
        "the secret of the robot was rotated",
        "pulled team-a/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "pod harbor-core-5d4f8c7b9-x2x7k is ready at 10.0.0.1:8080",
        "2026-01-01T12:00:00Z [INFO] [/core/main.go:130]: Config path: /etc/core/app.conf",
    ],
)
def test_what_explains_a_problem_stays(line: str) -> None:
    assert redact_line(line) == line


def test_a_registry_loses_values_and_annotations() -> None:
    metadata = {"namespace": "intra", "name": "cr", "annotations": {"last-applied": "SECRET"}}
    spec = {"externalURL": "https://cr", "release": {"version": "1.19.1", "values": {"a": "SECRET"}}}
    found = reduce_registry({"metadata": metadata, "spec": spec, "status": {}})
    assert "SECRET" not in str(found)
    assert found["spec"]["release"] == {"version": "1.19.1", "values": "REMOVED"}


def test_a_workload_loses_its_environment_and_arguments() -> None:
    container: dict[str, Any] = {"name": "core", "image": "core:1", "env": [{"value": "SECRET"}], "args": ["SECRET"]}
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [container]}, "status": {"message": "password=SECRET"}}
    deployment = {"metadata": {"name": "d"}, "spec": {"replicas": 1, "template": {"spec": {"containers": [container]}}}}
    for workload in (pod, deployment):
        found = reduce_workload(workload)
        assert "SECRET" not in str(found)
        assert found["spec"]["containers"][0]["image"] == "core:1"
