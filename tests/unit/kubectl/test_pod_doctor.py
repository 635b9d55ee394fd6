"""`harbor-operator doctor` outside of a pod."""

from __future__ import annotations

import json

import pytest

from harbor_operator.cli import main


def test_without_a_service_account_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--filename", "registry.yaml", "--only", "cache"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert "set `automountServiceAccountToken: true` on the pod" in answer["error"]


def test_an_unknown_area_is_wrong_usage() -> None:
    with pytest.raises(SystemExit):
        main(["doctor", "--filename", "registry.yaml", "--only", "moon"])
