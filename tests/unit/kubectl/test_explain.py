"""`explain`, which needs no cluster."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from harbor_operator.kubectl import explain
from harbor_operator.kubectl.cli import main

SCHEMA = Path(explain.__file__).with_name("schemas") / "explain.json"


def test_a_reason_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "cacheisreplica"]) == 0
    assert capsys.readouterr().out.startswith("CacheIsReplica\n  Symptom:\n    The server is a replica.\n")


def test_words_without_quotes_are_one_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "blob", "upload", "invalid", "-o", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    jsonschema.validate(answer, json.loads(SCHEMA.read_text()))
    assert [problem["name"] for problem in answer["problems"]] == ["StorageBodyLimit", "HttpSecretChanged"]


def test_nothing_fits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "bicycle tomorrow"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "nothing fits 'bicycle tomorrow': use a part of the message, or see docs/problems.md\n"


def test_many_results_are_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "certificate"]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("  Remedy:") <= explain.MAX_EXPLAINED
