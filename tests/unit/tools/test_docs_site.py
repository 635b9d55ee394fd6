from __future__ import annotations

from pathlib import Path

import pytest

from tools.docs_site import check, plan, stage

ROOT = Path(__file__).parents[3]
CONFIG = '[project]\nnav = [{"Home" = "README.md"}, {"Part" = [{"A" = "docs/a.md"}]}]\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    files = {
        "zensical.toml": CONFIG,
        "README.md": "# Home\n\n[a](docs/a.md#a) [web](https://example.com) [own](#home)\n",
        "docs/a.md": "# A\n\n[home](../README.md) ![picture](p.svg) [manifest](../deploy/m.yaml)\n",
        "docs/p.svg": "<svg/>",
        "deploy/m.yaml": "kind: M",
        "tools/docs-site/site.css": "",
        ".docs-site/node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_every_page_of_the_repository_is_in_the_navigation() -> None:
    assert plan(ROOT).problems == ()


def test_a_plan_contains_pages_and_the_files_that_they_link_to(checkout: Path) -> None:
    assert plan(checkout) == (("README.md", "docs/a.md"), ("deploy/m.yaml", "docs/p.svg"), ())


def test_what_cannot_become_a_site_is_reported(checkout: Path) -> None:
    (checkout / "docs/b.md").write_text("[gone](c.md)\n")
    (checkout / "docs/a.md").write_text("[b](b.md) [folder](../deploy)\n")
    (checkout / "zensical.toml").write_text(CONFIG.replace('"README.md"', '"START.md"'))
    assert plan(checkout).problems == (
        "START.md is in the navigation and does not exist",
        "docs/b.md is not in the navigation: add it to `nav` in zensical.toml",
        "docs/a.md links to deploy, which is no file",
        "docs/a.md links to docs/b.md, which is not in the navigation: add it to `nav` in zensical.toml",
    )
    with pytest.raises(SystemExit, match=r"START\.md"):
        stage(checkout)


def test_the_staged_folder_has_the_layout_of_the_repository(checkout: Path) -> None:
    stage(checkout)
    stage(checkout)
    staged = checkout / ".docs-site/source"
    assert sorted(str(path.relative_to(staged)) for path in staged.rglob("*") if path.is_file()) == [
        "README.md",
        "assets/mermaid.tiny.js",
        "assets/site.css",
        "deploy/m.yaml",
        "docs/a.md",
        "docs/p.svg",
    ]


def built(folder: Path, **pages: str) -> list[str]:
    for name, text in pages.items():
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "index.html").write_text(text)
    return check(folder)


def test_links_that_lead_somewhere_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "x.css").touch()
    a = '<link rel="stylesheet" href="/x.css"><h1 id="a">A</h1><a href="../b/#b">b</a><a href="#a">a</a><a href="..">'
    b = '<h2 id="b"></h2><a href="https://example.com">web</a><a href="../a/">a</a><script>let x</script>'
    (tmp_path / "index.html").touch()
    assert built(tmp_path, a=a, b=b) == []


@pytest.mark.parametrize(
    ("html", "message"),
    [
        ('<a href="../b/">', "a/index.html links to ../b/, which does not exist"),
        ('<a href="#b">', "a/index.html links to #b, which does not exist"),
        ('<img src="p.svg">', "a/index.html links to p.svg, which does not exist"),
        (
            '<script src="https://cdn.example.com/x.js"></script>',
            "a/index.html loads https://cdn.example.com/x.js from another host",
        ),
        (
            '<link rel="preconnect" href="//fonts.example.com">',
            "a/index.html loads //fonts.example.com from another host",
        ),
    ],
)
def test_dead_links_and_other_hosts_are_reported(tmp_path: Path, html: str, message: str) -> None:
    assert built(tmp_path, a=html) == [message]
