"""The pages of a store, and the blobs in an inventory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harbor_operator.kubectl.backups.inventory import read_blobs, read_pages
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.model.backup import BlobEntry
from harbor_operator.model.storage import StoredObject

HEX = "ab" * 32


@pytest.mark.parametrize("root", ["", "files/", "store/images/"])
def test_only_the_data_of_blobs_counts(tmp_path: Path, root: str) -> None:
    names = [
        f"{root}docker/registry/v2/blobs/sha256/ab/{HEX}/data",
        f"{root}docker/registry/v2/repositories/a/_layers/sha256/{HEX}/link",
        "harbor-operator/proof",
    ]
    path = tmp_path / "inventory.jsonl"
    path.write_text("".join(json.dumps({"name": name, "size": 7, "digest": "d"}) + "\n" for name in names))
    assert list(read_blobs(path)) == [BlobEntry(f"sha256:{HEX}", 7)]


def test_a_line_that_was_cut_off_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "inventory.jsonl"
    path.write_text('{"name": "a')
    with pytest.raises(ValueError, match="Unterminated string"):
        list(read_blobs(path))


async def test_a_store_that_ignores_where_to_begin_is_not_listed_for_ever() -> None:
    async def first_page(after: str, limit: int) -> Sequence[StoredObject]:
        return [StoredObject(name, 7, datetime(2026, 1, 2, tzinfo=UTC), "d") for name in ("a", "b")]

    with pytest.raises(CommandError, match="lists 'b' again"):
        assert [len(page) async for page in read_pages(first_page)] == []
