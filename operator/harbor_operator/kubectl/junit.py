"""Findings as a JUnit report, with the elements and attributes that GitLab and Jenkins read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from harbor_operator.kubectl.findings import Finding, Level
from harbor_operator.kubectl.output import printable

SUITE = "kubectl harbor doctor"


def junit(key: str, findings: Sequence[Finding]) -> str:
    """Returns XML of ASCII characters: a test case for each place in the spec, which fails if an error is there.

    `key` is the registry ('namespace/name'). Warnings and what passed are in the output of the test case.
    """
    places: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        places[finding.where].append(finding)
    suites = Element("testsuites")
    suite = SubElement(suites, "testsuite", name=SUITE, tests=str(len(places)), errors="0", skipped="0")
    failed = 0
    for where, found in places.items():
        case = SubElement(suite, "testcase", classname=key, name=where)
        errors = [finding for finding in found if finding.level is Level.ERROR]
        if errors:
            failed += 1
            failure = SubElement(case, "failure", type=errors[0].code, message=printable(errors[0].text))
            failure.text = _text(errors)
        if others := [finding for finding in found if finding.level is not Level.ERROR]:
            SubElement(case, "system-out").text = _text(others)
    suite.set("failures", str(failed))
    xml: bytes = tostring(suites, encoding="us-ascii", xml_declaration=True)
    return xml.decode()


def _text(findings: Iterable[Finding]) -> str:
    # Without control characters, which XML cannot contain.
    lines = []
    for finding in findings:
        lines.append(printable(f"{finding.level} {finding.code}: {finding.text}"))
        if finding.remedy:
            lines.append(printable(f"Remedy: {finding.remedy}"))
    return "\n".join(lines)
