from __future__ import annotations

from pathlib import Path

from tools.docs_links import anchors, broken_links

ROOT = Path(__file__).parents[3]
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    ROOT / "lab" / "README.md",
    ROOT / "deploy" / "chart" / "README.md",
]


def test_every_relative_link_and_anchor_resolves() -> None:
    assert list(broken_links(PAGES)) == []


def test_missing_files_and_anchors_are_reported(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A title\n\n[right](#a-title) [wrong](#another) [gone](gone.md) [web](https://example.com)\n"
        "`[code](ignored.md)`\n\n```\n[block](ignored.md)\n# no heading\n```\n"
    )
    assert list(broken_links([page])) == ["page.md: #another", "page.md: gone.md"]


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Walk A: a new namespace\n## `StorageReady`\n## Twice\n## Twice\n")
    assert anchors(page) == {"walk-a-a-new-namespace", "storageready", "twice", "twice-1"}
