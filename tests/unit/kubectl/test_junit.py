"""The JUnit report of `doctor`."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from harbor_operator.kubectl.findings import Finding, Level
from harbor_operator.kubectl.junit import junit

PASSED = Finding(Level.OK, "Converged", "spec.cache", "Redis 7 is a primary", "")
WARNED = Finding(Level.WARNING, "SwiftSunset", "spec.storage", "the driver ends", "Move to S3.")
FAILED = Finding(Level.ERROR, "StorageUnreachable", "spec.storage", "<no> \x1b[31m“answer” & more\ud800", "Open it.")


def test_a_place_is_a_test_case_and_an_error_its_failure() -> None:
    text = junit("intra/cr", [PASSED, WARNED, FAILED])
    assert text.isascii()
    (suite,) = ET.fromstring(text)  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    cache, storage = suite
    assert [(case.get("classname"), case.get("name")) for case in suite] == [
        ("intra/cr", "spec.cache"),
        ("intra/cr", "spec.storage"),
    ]
    assert cache.find("failure") is None
    assert cache.findtext("system-out") == "ok Converged: Redis 7 is a primary"
    failure = storage.find("failure")
    assert failure is not None
    assert failure.attrib == {"type": "StorageUnreachable", "message": "<no>  [31m“answer” & more "}
    assert failure.text == "error StorageUnreachable: <no>  [31m“answer” & more \nRemedy: Open it."
    assert storage.findtext("system-out") == "warning SwiftSunset: the driver ends\nRemedy: Move to S3."
