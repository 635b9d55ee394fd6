"""Stages the pages of the documentation site, and checks what was built: `make docs-site`.

The staged folder has the layout of the repository, so a relative link means the same on the site, in a checkout and on
GitHub. The pages are those of `nav` in zensical.toml; what they link to and is no page is staged beside them.
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from typing_extensions import override

from tools.docs_links import links

ROOT = Path(__file__).parents[1]
TOOLS = Path(".docs-site")
ASSETS = {
    "assets/mermaid.tiny.js": TOOLS / "node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js",
    "assets/site.css": Path("tools/docs-site/site.css"),
}
"""What the site loads besides the files of its theme, and where it comes from."""


class Plan(NamedTuple):
    """Paths below the repository that the site consists of, and what is wrong with them."""

    pages: tuple[str, ...]
    files: tuple[str, ...]
    problems: tuple[str, ...]


def plan(root: Path) -> Plan:
    """Returns the pages of the navigation and the files that they link to; a problem names the page and the remedy."""
    config = tomllib.loads((root / "zensical.toml").read_text(encoding="utf-8"))["project"]
    pages = tuple(_pages(config["nav"]))
    existing = [page for page in pages if (root / page).is_file()]
    targets = {(page, target) for page in existing for target in _targets(root, page)}
    problems = [f"{page} is in the navigation and does not exist" for page in pages if page not in existing]
    problems += [
        f"{path} is not in the navigation: add it to `nav` in zensical.toml"
        for path in sorted(str(path.relative_to(root)) for path in (root / "docs").rglob("*.md"))
        if path not in pages
    ]
    problems += [message for page, target in sorted(targets) if (message := _check_target(root, page, target, pages))]
    files = {target for _, target in targets if (root / target).is_file() and not target.endswith(".md")}
    return Plan(pages, tuple(sorted(files)), tuple(problems))


def stage(root: Path) -> None:
    """Copies the pages, what they link to, and the assets. Raises SystemExit with every problem of the plan."""
    found = plan(root)
    if found.problems:
        sys.exit("\n".join(found.problems))
    source = root / TOOLS / "source"
    shutil.rmtree(source, ignore_errors=True)
    copies = {target: root / origin for target, origin in ASSETS.items()}
    copies |= {path: root / path for path in (*found.pages, *found.files)}
    for target, origin in copies.items():
        (source / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin, source / target)


def check(site: Path) -> list[str]:
    """Returns what is wrong with a built site: links and anchors that lead nowhere, and files of other hosts."""
    site = site.resolve()
    documents = {path: _Document.read(path) for path in sorted(site.rglob("*.html"))}
    found = []
    for page, document in documents.items():
        name = page.relative_to(site)
        found += [f"{name} loads {url} from another host" for url in document.loaded if _is_external(url)]
        internal = [url for url in (*document.links, *document.loaded) if not _is_external(url)]
        found += [
            f"{name} links to {url}, which does not exist" for url in internal if not _leads(site, page, url, documents)
        ]
    return found


class _Document(HTMLParser):
    """The anchors of one HTML page, where its links lead, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []

    @classmethod
    def read(cls, path: Path) -> _Document:
        document = cls()
        document.feed(path.read_text(encoding="utf-8"))
        return document

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and "href" in values and values.get("rel") not in {"canonical", "prev", "next"}:
            self.loaded.append(values["href"])
        elif "src" in values:
            self.loaded.append(values["src"])


def _pages(nav: Iterable[Any]) -> Iterator[str]:
    for entry in nav:
        for value in entry.values():
            if isinstance(value, str):
                yield value
            else:
                yield from _pages(value)


def _targets(root: Path, page: str) -> Iterator[str]:
    """Yields the path below the repository of each file to which a page links."""
    for link in links(root / page):
        path = link.partition("#")[0]
        if path and "://" not in path:
            yield str((root / page).parent.joinpath(path).resolve().relative_to(root.resolve()))


def _check_target(root: Path, page: str, target: str, pages: tuple[str, ...]) -> str:
    if target in pages:
        return ""
    if not (root / target).is_file():
        return f"{page} links to {target}, which is no file"
    if target.endswith(".md"):
        return f"{page} links to {target}, which is not in the navigation: add it to `nav` in zensical.toml"
    return ""


def _is_external(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.netloc or parts.scheme)


def _leads(site: Path, page: Path, url: str, documents: dict[Path, _Document]) -> bool:
    """Whether a relative link of a built page leads to a file, and its fragment to an anchor."""
    parts = urlsplit(url)
    path = unquote(parts.path)
    start = site if path.startswith("/") else page.parent  # the page for a missing address has absolute links
    target = (start / path.lstrip("/")).resolve() if path else page
    if target.is_dir():
        target = target / "index.html"
    document = documents.get(target)
    if document is None:
        return target.is_file()
    return not parts.fragment or unquote(parts.fragment) in document.anchors


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["stage"]:
            stage(ROOT)
        case ["check"]:
            sys.exit("\n".join(check(ROOT / "site")) or None)
        case _:
            sys.exit("usage: docs_site.py stage | check")
