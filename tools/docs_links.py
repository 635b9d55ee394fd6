"""Finds relative links and anchors of the Markdown pages that do not resolve."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)
_NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")


def broken_links(pages: Iterable[Path]) -> Iterator[str]:
    """Yields 'page: target' for each relative link whose file or anchor does not exist."""
    for page in pages:
        for target in links(page):
            if "://" not in target and not _resolves(page, target):
                yield f"{page.name}: {target}"


def links(page: Path) -> list[str]:
    """Returns the targets of the inline links and pictures of a page, in order; code is left out."""
    return _LINK.findall(_CODE.sub("``", _without_code_blocks(page)))


def anchors(page: Path) -> set[str]:
    """Returns the anchors that GitHub gives the headings of a page; a repeated heading gets -1, -2 and so on."""
    found: set[str] = set()
    for heading in _HEADING.findall(_without_code_blocks(page)):
        base = _NOT_IN_ANCHOR.sub("", heading.lower()).replace(" ", "-")
        anchor, number = base, 0
        while anchor in found:
            number += 1
            anchor = f"{base}-{number}"
        found.add(anchor)
    return found


def _without_code_blocks(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def _resolves(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    return file.exists() and (not anchor or anchor in anchors(file))
