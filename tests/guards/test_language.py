"""Banned words stay out of code, docs and manifests; `tools/language.py` lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guards.sources import ROOT
from tools import language


def test_no_banned_word_is_in_the_repository() -> None:
    assert language.repository_hits() == []


def test_the_files_that_quote_banned_words_exist() -> None:
    assert [path for path in language.ALLOWED - {"docs/glossary.md"} if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("somebody writes", ["somebody"]),
        ("no Somebodies, no label, no understanding", []),
        ("test_nobody_waits", ["nobody"]),
        ("class BadroadStances: pass", ["badroad", "stances"]),
        ("WISHES = 1", ["wishes"]),
        ("it may not\n# run, it MAY  NOT run\n# may\n# not", ["may not", "may not", "may not"]),
        ("it lies in a folder", ["lies in"]),
    ],
)
def test_whole_words_are_found_in_prose_and_identifiers(text: str, words: list[str]) -> None:
    for path in ("docs/page.md", "deploy/role.yaml"):
        assert sorted(hit.word for hit in language.hits(path, text)) == sorted(words)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("async def converge(self): ...", ["converge"]),
        ("# the replicas converge by chance", []),
        ("text = 'they converge by chance'", []),
        ("LETS_GO = GUARDS", ["GUARDS", "LETS_GO"]),
        ("guards = safeguards = 1", []),
        ("self._suspects = {}", ["_suspects"]),
    ],
)
def test_some_words_are_banned_in_identifiers_only(code: str, words: list[str]) -> None:
    assert sorted(hit.word for hit in language.hits("a.py", code)) == words
    assert list(language.hits("a.md", code)) == []


def test_a_hit_names_the_line_and_the_replacement() -> None:
    assert list(language.hits("a.md", "one\nborn")) == [language.Hit("a.md", 2, "born", "created")]


def test_the_changelog_can_quote_an_earlier_name() -> None:
    text = "`harbor_operator_contested` was born"
    for path in ("CHANGELOG.md", "changelog.d/+name.removal.md"):
        assert [hit.word for hit in language.hits(path, text)] == ["born"]
    assert [hit.word for hit in language.hits("docs/metrics.md", text)] == ["contested", "born"]


def test_caches_and_generated_data_are_not_read(tmp_path: Path) -> None:
    kept = ["README.md", "Makefile", ".github/workflows/ci.yaml", "lab/image/run.sh", ".ci/run"]
    for path in (*kept, ".venv/lib/a.py", "__pycache__/a.py", "docs/benchmarks/a.json", "image.png", ".cache/x/a.md"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert {str(path.relative_to(tmp_path)) for path in language.files(tmp_path)} == set(kept)


def test_the_name_of_a_file_is_read_as_well(tmp_path: Path) -> None:
    (tmp_path / "scribe.py").touch()
    assert [hit.word for hit in language.repository_hits(tmp_path)] == ["scribe"]


def test_the_tool_lists_hits_by_file(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    hits = [language.Hit("a.md", 2, "born", "created"), language.Hit("b.md", 1, "bell", "wake-up")]
    monkeypatch.setattr(language, "repository_hits", lambda: hits)
    assert language.main(["a"]) == 1
    assert capsys.readouterr().out == "a.md: 1\n  2: 'born' -> created\n1 hits in 1 files\n"
    assert language.main(["c"]) == 0
