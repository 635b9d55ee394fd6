"""The explanation of one reason or alert."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """What the user sees, why it happens, and what to do: one or two sentences of Markdown each.

    `texts` are what docker, a pod's events or a log print, word for word; `…` stands for one or several words.
    """

    symptom: str
    cause: str
    remedy: str
    texts: tuple[str, ...] = ()
