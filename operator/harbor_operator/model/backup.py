"""What a backup says about the images of a registry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlobEntry:
    """A blob in the inventory of the store: its digest ('sha256:…') and its size in bytes."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class MissingBlob:
    """A blob that a manifest needs; `expected` is its size in Harbor's database, `found` that of the inventory.

    A size is None where it is not known: `found` of a blob that the inventory lacks.
    """

    manifest: str
    digest: str
    expected: int | None
    found: int | None
