"""What is measured: something that keeps a pull Secret in every namespace."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Business(StrEnum):
    """What it takes care of; only like is compared with like."""

    BOTH = "Secret and ServiceAccount"
    SECRET_ONLY = "Secret only"


@dataclass(frozen=True)
class Card:
    """What must be known of a contender to read its numbers."""

    name: str
    title: str
    secret_name: str
    business: Business = Business.BOTH
    limits: str = ""
    """What holds it back by itself: workers, client limits, intervals."""
    settings: str = ""
    """Which settings differ from its defaults."""
    rights: str = ""


class Contender(Protocol):
    """Started and stopped many times on one cluster; every call blocks until it is done."""

    @property
    def card(self) -> Card:
        """Who it is."""
        ...

    @property
    def user(self) -> str:
        """Its name in the audit log."""
        ...

    @property
    def pid(self) -> int:
        """Its process, while it runs."""
        ...

    def start(self) -> None:
        """Starts the process."""
        ...

    def stop(self) -> None:
        """Ends the process; what it has made stays."""
        ...

    def rotate(self) -> bool:
        """Gives it another credential while it runs; False if it cannot take one."""
        ...

    def retire(self) -> bool:
        """Asks it, while it runs, to take everything back; False if it has no way to."""
        ...
