"""Writes `operator/harbor_operator/api/chart_keys.txt`: the keys that the official chart reads, by chart minor.

    python tools/chart_keys.py PATH_OF_A_CLONE_OF_GOHARBOR_HARBOR_HELM

Reads every tag of the supported minors and the release branches. A key counts as known if the values file sets it,
shows it in a comment, or a template reads it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from harbor_operator.api.chart_keys import FILE_NAME, parse_keys
from harbor_operator.api.charts import CHARTS

TARGET = Path(__file__).parents[1] / "operator" / "harbor_operator" / "api" / FILE_NAME

KeyPath = tuple[str, ...]

# Kubernetes objects and free mappings: the chart passes them on as they are.
_FREE = re.compile(
    r"resources|affinity|.*[sS]elector|.*[aA]nnotations|.*[lL]abels|.*[sS]ecurityContext|configureUserSettings|.*Envs?"
)
_TAG = re.compile(r"v?1\.(\d+)\.\d+")
_BRANCH = re.compile(r"refs/heads/1\.(\d+)\.0")
_COMMENTED = re.compile(r"^( *)#( ?)( *)([a-z][A-Za-z0-9_]*|IP):( |$)")
_SET = re.compile(r"^( *)([A-Za-z][A-Za-z0-9_]*):")
_READ = re.compile(r"\.Values\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)")
_ALIAS = re.compile(r"(\$\w+)\s*:=\s*\$?\w*\.Values\.([A-Za-z0-9_.]+)")


def main(clone: str) -> None:
    """Writes the file from all tags and branches of the clone."""
    known: dict[int, set[KeyPath]] = defaultdict(set)
    for minor, commit in _versions(clone):
        known[minor] |= _keys(clone, commit)
    lines = _lines({minor: _leaves(paths) for minor, paths in known.items()})
    TARGET.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    parse_keys("\n".join(lines))


def _versions(clone: str) -> Iterator[tuple[int, str]]:
    minors = {chart.minor for chart in CHARTS}
    for ref in _git(clone, "for-each-ref", "--format=%(refname)", "refs/tags", "refs/heads").split():
        found = _TAG.fullmatch(ref.rpartition("/")[2]) if "/tags/" in ref else _BRANCH.fullmatch(ref)
        if found and int(found.group(1)) in minors:
            yield int(found.group(1)), ref


def _keys(clone: str, commit: str) -> set[KeyPath]:
    text = _git(clone, "show", f"{commit}:values.yaml")
    found = set(_paths(yaml.safe_load(text))) | set(_commented(text))
    for file in _git(clone, "ls-tree", "-r", "--name-only", commit, "templates/").split():
        found |= set(_read(_git(clone, "show", f"{commit}:{file}")))
    return {_cut(path) for path in found}


def _paths(tree: Any, at: KeyPath = ()) -> Iterator[KeyPath]:
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from _paths(value, (*at, str(key)))
    else:
        # The mark says that no key follows: a comment below is an example of an item, or belongs to the next key.
        yield (*at, "*")


def _commented(text: str) -> Iterator[KeyPath]:
    """Yields each key in a comment, below the nearest key above it that is indented less; none at the top level."""
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        if found := _COMMENTED.match(line):
            indent, key = len(found.group(1)) + len(found.group(3)), found.group(4)
        elif found := _SET.match(line):
            indent, key = len(found.group(1)), found.group(2)
        else:
            continue
        above = [(column, name) for column, name in above if column < indent]
        above.append((indent, key))
        if len(above) > 1:
            yield tuple(name for _, name in above)


def _read(template: str) -> Iterator[KeyPath]:
    for found in _READ.finditer(template):
        yield tuple(found.group(1).split("."))
    for name, path in _ALIAS.findall(template):
        for found in re.finditer(re.escape(name) + r"\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)", template):
            yield (*path.split("."), *found.group(1).split("."))


def _cut(path: KeyPath) -> KeyPath:
    for position, key in enumerate(path):
        if key == "*":
            return path[: position + 1]
        if _FREE.fullmatch(key):
            return path[: position + 1]
    return path


def _leaves(paths: set[KeyPath]) -> set[KeyPath]:
    """Returns the paths that no other one continues; a marked path ends at its mark."""
    free = {path[:-1] for path in paths if path[-1] == "*"}
    cut = {next((path[:n] for n in range(1, len(path)) if path[:n] in free), path) for path in paths if path[-1] != "*"}
    cut |= free
    inner = {path[:n] for path in cut for n in range(1, len(path))}
    return cut - inner


def _lines(known: dict[int, set[KeyPath]]) -> list[str]:
    minors_of: dict[str, list[int]] = defaultdict(list)
    for minor, paths in known.items():
        for path in paths:
            minors_of[".".join(path)].append(minor)
    return [f"{key} {_ranges(sorted(minors))}" for key, minors in sorted(minors_of.items())]


def _ranges(minors: Iterable[int]) -> str:
    runs: list[list[int]] = []
    for minor in minors:
        if runs and runs[-1][1] == minor - 1:
            runs[-1][1] = minor
        else:
            runs.append([minor, minor])
    return ",".join(f"{first}-{last}" for first, last in runs)


def _git(clone: str, *arguments: str) -> str:
    command = ["git", "-C", clone, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


if __name__ == "__main__":
    main(sys.argv[1])
