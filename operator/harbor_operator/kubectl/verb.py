"""What a verb is: its arguments, its rights, and the module that runs it."""

from __future__ import annotations

from typing import NamedTuple

from harbor_operator.kubectl.arguments import Argument
from harbor_operator.kubectl.rights import Right


class Verb(NamedTuple):
    """A verb; `module` is in this package and has a function `run(options) -> int`. The first format is the default."""

    name: str
    help: str
    module: str
    arguments: tuple[Argument, ...] = ()
    rights: tuple[Right, ...] = ()
    needs_cluster: bool = True
    formats: tuple[str, ...] = ("text", "json")
    description: str = ""
