"""Lists the banned words of the repository: `PYTHONPATH=operator python tools/language.py [path ...]`.

docs/glossary.md maps the project's terms to those of Kubernetes, Helm and SQL. A word that the field does not use is
banned here, with its replacement, so that it cannot come back. The test in tests/guards fails on each hit.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SUFFIXES = {".go", ".json", ".md", ".py", ".sh", ".toml", ".tpl", ".yaml", ".yml"}
NAMES = {"Dockerfile", "Makefile", "run"}
SKIPPED_FOLDERS = {"__pycache__", "dist", "docs/benchmarks"}
HIDDEN_FOLDERS = {".ci", ".github"}
"""Hidden folders that belong to the repository; the other ones are caches."""
ALLOWED = {"docs/glossary.md", "tests/guards/test_language.py", "tools/language.py"}
"""Files that quote banned words on purpose."""

WORDS: Mapping[str, str] = {
    "anew": "again",
    "badroad": "fault proxy",
    "bell": "wake-up",
    "birth": "creation",
    "births": "creation",
    "born": "created",
    "caution": "warning",
    "cautions": "warnings",
    "contest": "conflict",
    "contested": "conflicting",
    "contests": "conflicts",
    "deed": "operation",
    "deeds": "operations",
    "dismantle": "teardown",
    "dismantled": "removed",
    "dismantles": "tears down",
    "heard": "received",
    "hourglass": "clock",
    "judge": "check",
    "judged": "checked",
    "judges": "checks",
    "lacking": "missing",
    "mend": "fix",
    "mended": "fixed",
    "mending": "fixing",
    "mends": "fixes",
    "nobody": "no client, or nothing",
    "obstacle": "blocked",
    "obstacles": "blocked",
    "patience": "timeout",
    "purse": "request budget",
    "rescue": "evict stuck pods",
    "rescued": "evicted",
    "rescuer": "evictor",
    "rescues": "evicts",
    "reveal": "unwrap",
    "revealed": "unwrapped",
    "reveals": "unwraps",
    "riddle": "unclear error",
    "riddles": "unclear errors",
    "scribe": "event recorder",
    "scrubbed": "redacted",
    "somebody": "another client, or a person",
    "stake": "claim",
    "stakes": "claims",
    "stance": "state",
    "stances": "states",
    "standing": "status",
    "standings": "status",
    "surroundings": "dependencies",
    "sustain": "reconcile degraded",
    "sustained": "kept",
    "sustains": "keeps",
    "told": "reported",
    "unseen": "unknown",
    "weather": "faults",
    "whoever": "the client that",
    "wish": "desired state",
    "wished": "desired",
    "wishes": "desired states",
}
"""Whole words, banned in prose and as a part of an identifier."""

PHRASES: Mapping[str, str] = {
    "for ever": "always",
    "lies in": "is in",
    "lie in": "are in",
    "may not": "must not, or might not",
}

IDENTIFIERS: Mapping[str, str] = {
    "chance": "random",
    "converge": "reconcile",
    "converges": "reconciles",
    "era": "ChartSupport",
    "eras": "ChartSupport",
    "fate": "decision",
    "ring": "notify",
    "rung": "level",
    "suspect": "candidate",
    "suspects": "candidates",
    "verdict": "status, plan or decision",
}
"""Parts of an identifier, banned in Python code only: in prose they are ordinary words."""

FULL_NAMES: Mapping[str, str] = {
    "AFTER_A_SURPRISE": "UNEXPECTED_ERROR_DELAY_SECONDS",
    "AFTER_THE_END": "RESTART_DELAY_SECONDS",
    "BadRoad": "FaultProxy",
    "CloseDatabase": "RevokePublicConnect",
    "Denial": "ApiError",
    "Entrance": "V2Response",
    "GUARDS": "SYNCING",
    "HelmProcess": "<Technology><Port>",
    "JoinRole": "GrantRoleToAdmin",
    "LETS_GO": "RELEASING",
    "LeaseTerms": "LeaderElectionConfig",
    "MarkRole": "CommentRole",
    "Material": "ReleaseSecrets",
    "Mirror": "Store",
    "ON_DUTY": "RunningOperator",
    "RegistryDoor": "RegistryProbe",
    "ReshapeRole": "AlterRole",
    "TakeSchema": "OwnPublicSchema",
    "_mirror": "_store",
    "await_first_look": "wait_for_sync",
    "born_bare": "missed_by_policy",
    "expect_births": "expect_policy_effect",
    "giving_back": "periodic_malloc_trim",
    "no_bundle": "check_*",
    "offered_to": "pull_secrets_for_new_pod",
    "pins_secret": "generated_secrets",
    "postgres_looks": "postgres_queries",
    "spare_the_collector": "freeze_startup_objects",
    "swift_wire": "swift_connection",
    "too_old": "supports",
    "under_way": "processing",
    "unfit_for_header": "check_*",
}
"""Whole identifiers of earlier versions, banned in Python code."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_GAP = r"[\s#]+"  # a phrase can go on in the next line of a comment
_PHRASE = re.compile(rf"\b({'|'.join(phrase.replace(' ', _GAP) for phrase in PHRASES)})\b", re.IGNORECASE)


class Hit(NamedTuple):
    """A banned word, where it is, and what replaces it."""

    path: str
    line: int
    word: str
    instead: str


def files(root: Path = ROOT) -> Iterator[Path]:
    """Yields the text files of the repository: code, docs, manifests and scripts."""
    for path in sorted(root.rglob("*")):
        if not (path.suffix in SUFFIXES or path.name in NAMES) or not path.is_file():
            continue
        relative = path.relative_to(root)
        folders = {*map(str, relative.parents), *relative.parts[:-1]} - {"."}
        hidden = {folder for folder in folders if folder.startswith(".")}
        if not folders & SKIPPED_FOLDERS and all(folder.split("/")[0] in HIDDEN_FOLDERS for folder in hidden):
            yield path


def parts(identifier: str) -> list[str]:
    """Returns the words of a snake_case, CamelCase or UPPER_CASE identifier, in lower case."""
    return [part.lower() for part in _PART.findall(identifier)]


def hits(path: str, text: str) -> Iterator[Hit]:
    """Yields the banned words of one text; a name that ends in `.py` is read as Python.

    The changelog quotes names of earlier versions in back-quotes, which do not count.
    """
    if path.lower().startswith("changelog"):
        text = re.sub(r"`[^`\n]*`", "", text)
    for number, line in enumerate(text.splitlines(), start=1):
        for part in (part for identifier in _IDENTIFIER.findall(line) for part in parts(identifier)):
            if part in WORDS:
                yield Hit(path, number, part, WORDS[part])
    for match in _PHRASE.finditer(text):
        phrase = re.sub(r"[\s#]+", " ", match.group()).lower()
        yield Hit(path, text.count("\n", 0, match.start()) + 1, phrase, PHRASES[phrase])
    if path.endswith(".py"):
        yield from _identifier_hits(path, text)


def _identifier_hits(path: str, text: str) -> Iterator[Hit]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.NAME:
            continue
        if token.string in FULL_NAMES:
            yield Hit(path, token.start[0], token.string, FULL_NAMES[token.string])
        for part in parts(token.string):
            if part in IDENTIFIERS:
                yield Hit(path, token.start[0], token.string, IDENTIFIERS[part])


def repository_hits(root: Path = ROOT) -> list[Hit]:
    """Returns every hit of the repository, in file paths as well, outside the files that quote the words."""
    found: list[Hit] = []
    for path in files(root):
        name = str(path.relative_to(root))
        if name not in ALLOWED:
            found += [Hit(name, 0, part, WORDS[part]) for part in parts(name) if part in WORDS]
            found += hits(name, path.read_text(encoding="utf-8"))
    return found


def main(prefixes: Iterable[str]) -> int:
    """Prints the hits below the given paths, or of everything, with the count of each file; 1 if there is one."""
    wanted = tuple(prefixes) or ("",)
    found = [hit for hit in repository_hits() if hit.path.startswith(wanted)]
    counts = Counter(hit.path for hit in found)
    for path in sorted(counts):
        print(f"{path}: {counts[path]}")
        for hit in (hit for hit in found if hit.path == path):
            print(f"  {hit.line}: '{hit.word}' -> {hit.instead}")
    print(f"{len(found)} hits in {len(counts)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
