"""The protocol of what is measured: a program that keeps a pull Secret in every namespace."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Scope(StrEnum):
    """Which objects an injector maintains; only injectors of the same scope are compared."""

    BOTH = "Secret and ServiceAccount"
    SECRET_ONLY = "Secret only"


@dataclass(frozen=True)
class InjectorInfo:
    """The facts about an injector that explain its numbers."""

    name: str
    title: str
    secret_name: str
    scope: Scope = Scope.BOTH
    limits: str = ""
    """Its own limits: workers, client limits, intervals."""
    settings: str = ""
    """The settings that differ from its defaults."""
    rights: str = ""


class Injector(Protocol):
    """Started and stopped many times on one cluster; every call blocks until it is complete."""

    @property
    def info(self) -> InjectorInfo:
        """The facts about it."""
        ...

    @property
    def user(self) -> str:
        """Its user name in the audit log."""
        ...

    @property
    def pid(self) -> int:
        """Its process id while it runs."""
        ...

    def start(self) -> None:
        """Starts the process."""
        ...

    def stop(self) -> None:
        """Stops the process; its objects stay."""
        ...

    def rotate(self) -> bool:
        """Changes its credential while it runs; returns False if that is not supported."""
        ...

    def uninstall(self) -> bool:
        """Makes it delete all its objects while it runs; returns False if that is not supported."""
        ...
