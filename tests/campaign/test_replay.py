"""The file of a failed campaign: what is written is read again, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.lab_cases import lab_seed, operations
from tests.campaign.model import REMOVED
from tests.campaign.replay import MAX_FILE_BYTES, MAX_OPERATIONS, Replay, ReplayError

OPERATIONS = operations(random_seed=1)


def content(**changes: Any) -> bytes:
    valid = json.loads(Replay(7, lab_seed(), tuple(OPERATIONS[:2])).text())
    return json.dumps({**valid, **changes}).encode()


def error_of(data: bytes) -> str:
    with pytest.raises(ReplayError) as error:
        Replay.parse(data, "a.json")
    return str(error.value)


@pytest.mark.parametrize("begin", range(0, len(OPERATIONS), MAX_OPERATIONS))
def test_every_operation_is_read_as_it_was_written(begin: int) -> None:
    replay = Replay(7, lab_seed(), tuple(OPERATIONS[begin : begin + MAX_OPERATIONS]), "recovery: a difference")
    assert Replay.parse(replay.text().encode(), "a.json") == replay


def test_a_removed_field_is_not_confused_with_a_value() -> None:
    removal = next(one for one in OPERATIONS if one.case and one.case.value is REMOVED)
    read = Replay.parse(Replay(7, lab_seed(), (removal,)).text().encode(), "a.json")
    assert read.operations[0].case is not None
    assert read.operations[0].case.value is REMOVED


def test_a_file_is_small_and_exists(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(ReplayError, match=r"a\.json' cannot be read: No such file"):
        Replay.load(path)
    path.write_bytes(b" " * (MAX_FILE_BYTES + 1))
    with pytest.raises(ReplayError, match="has more than 1048576 bytes"):
        Replay.load(path)
    path.write_bytes(content())
    assert Replay.load(path).seed == 7


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"{", "the file"),
        (b"[]", "the file"),
        (b"[" * 100_000, "the file"),
        (content(format=2), "format"),
        (content(seed="7"), "seed"),
        (content(unknown=1), "unknown"),
        (content(operations=[]), "operations"),
        (content(operations=[{"name": "a", "annotations": {"a": "b"}}] * (MAX_OPERATIONS + 1)), "operations"),
        (content(operations=[{"name": "a"}]), "operations.0"),
        (content(operations=[{"name": "a", "merge": {"a": 1}, "annotations": {"a": "b"}}]), "operations.0"),
        (content(operations=[{"name": "a", "secret": {"secret": "a", "file": "b"}}]), "operations.0.secret.file"),
        (
            content(operations=[{"name": "a", "change": {"path": "a", "kind": "b", "steps": []}}]),
            "operations.0.change.steps",
        ),
        (
            content(operations=[{"name": "a", "change": {"path": "a", "kind": "b", "steps": [-1]}}]),
            "operations.0.change.steps",
        ),
    ],
)
def test_what_is_no_replay_is_refused_with_its_place(data: bytes, place: str) -> None:
    assert f"'a.json' is no replay of a campaign: `{place}" in error_of(data)


def test_a_spec_that_the_model_refuses_is_refused() -> None:
    assert "`spec` is no valid spec" in error_of(content(spec={"externalURL": 1}))
