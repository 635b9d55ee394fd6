"""Unit tests mirror modules by name, and fixtures are named by what they contain."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.guards.sources import CODE, ROOT, classes, name, tree

WITHOUT_MODULE = {
    "tests/unit/test_monitoring.py": "checks deploy/monitoring, which is not Python",
}
"""Unit tests that mirror no module, and why."""


def mirrors_a_module(path: Path, root: Path = ROOT) -> bool:
    """Whether 'tests/unit/<package>/test_<module>.py' or 'test_<module>_<topic>.py' has its module."""
    package = path.relative_to(root / "tests" / "unit").parent
    words = path.stem.removeprefix("test_").split("_")
    stems = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
    folders = [root / "operator" / "harbor_operator" / package, *([root / package] if package.parts else [])]
    return any((folder / f"{stem}.py").is_file() or (folder / stem).is_dir() for folder in folders for stem in stems)


def test_unit_tests_mirror_modules() -> None:
    tests = sorted((ROOT / "tests" / "unit").rglob("test_*.py"))
    violations = {name(path) for path in tests if not mirrors_a_module(path)}
    assert violations == set(WITHOUT_MODULE)


def test_the_mirror_guard_finds_a_test_without_a_module(tmp_path: Path) -> None:
    (tmp_path / "operator/harbor_operator/plan").mkdir(parents=True)
    (tmp_path / "operator/harbor_operator/plan/cache.py").touch()
    assert mirrors_a_module(tmp_path / "tests/unit/plan/test_cache.py", tmp_path)
    assert mirrors_a_module(tmp_path / "tests/unit/plan/test_cache_sentinel.py", tmp_path)
    assert not mirrors_a_module(tmp_path / "tests/unit/plan/test_caches.py", tmp_path)
    assert not mirrors_a_module(tmp_path / "tests/unit/plans/test_cache.py", tmp_path)
    assert not mirrors_a_module(tmp_path / "tests/unit/test_cache.py", tmp_path)


def has_unnamed_fixture(module_tree: ast.Module) -> bool:
    """Whether a class is called World, which says nothing about what it contains."""
    return any(found.name == "World" for found in classes(module_tree))


def test_fixtures_are_named_by_what_they_contain() -> None:
    found = {name(path) for path in CODE if has_unnamed_fixture(tree(path))}
    assert sorted(found) == []


def test_the_fixture_guard_finds_a_world() -> None:
    assert has_unnamed_fixture(ast.parse("def f():\n    class World: ..."))
    assert not has_unnamed_fixture(ast.parse("class DatabaseFixture: ..."))
