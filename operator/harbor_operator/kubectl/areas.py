"""The areas that `doctor` checks, and the value of `--only`, which chooses some of them."""

from __future__ import annotations

from enum import StrEnum


class Area(StrEnum):
    """A part of the spec that is checked on its own."""

    DATABASE = "database"
    CACHE = "cache"
    STORAGE = "storage"
    RELEASE = "release"
    REGISTRY = "registry"
    AUTHENTICATION = "authentication"

    @property
    def section(self) -> str:
        """The field of the spec without which there is nothing to check."""
        return "spec.externalURL" if self is Area.REGISTRY else f"spec.{self}"


def parse_areas(text: str) -> list[Area]:
    """Returns the areas of a comma list. Raises ArgumentTypeError."""
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in {*Area}]:
        from argparse import ArgumentTypeError  # noqa: PLC0415 - the completion needs no parser

        raise ArgumentTypeError(f"unknown area {', '.join(map(repr, unknown))}: choose from {', '.join(Area)}")
    return [Area(name) for name in names]
