"""Collects what the steps would write."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import SecretStr

from harbor_operator.kubectl.plan import Action, Line

READS = ("read", "find_", "list_", "login")
"""How the names of the calls begin that change nothing."""


class PlanEnds(Exception):  # noqa: N818 - where a step ends, not an error
    """What follows in a step depends on a change that is not made; the message says what is not observed."""


class Recorder:
    """The lines of a plan, section by section, and the passwords that exist only in it."""

    def __init__(self, make_password: Callable[[], SecretStr]) -> None:
        self.lines: list[Line] = []
        self._where = ""
        self._make_password = make_password
        self._generated: set[SecretStr] = set()

    def begin(self, where: str) -> None:
        """Adds what follows to this section of the spec."""
        self._where = where

    @property
    def section(self) -> list[Line]:
        """The lines of the present section."""
        return [line for line in self.lines if line.where == self._where]

    def record(self, action: Action, subject: str, details: Iterable[str] = ()) -> None:
        """Adds a line; another one on the same subject becomes part of the first."""
        for number, line in enumerate(self.lines):
            if (line.where, line.subject) == (self._where, subject):
                self.lines[number] = line._replace(details=(*line.details, *details))
                return
        self.lines.append(Line(self._where, action, subject, tuple(details)))

    def conflict(self, code: str, text: str, remedy: str) -> None:
        """Adds what keeps the operator from doing its work."""
        self.lines.append(Line(self._where, Action.CONFLICT, text, code=code, remedy=remedy))

    def make_password(self) -> SecretStr:
        """Returns a password that the operator would generate."""
        made = self._make_password()
        self._generated.add(made)
        return made

    def is_generated(self, secret: SecretStr) -> bool:
        """Whether only this plan knows the password."""
        return secret in self._generated


class RecordedPort:
    """Passes the reads of a port on; a subclass defines each write, so that none reaches a server."""

    def __init__(self, port: Any, recorder: Recorder) -> None:
        self._port = port
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        if not name.startswith(READS):
            raise AttributeError(f"{type(self).__name__} does not define the write {name!r}")
        return getattr(self._port, name)
