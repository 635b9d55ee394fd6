"""Prints the changelog section of one version: `make release-notes VERSION=0.1.0`.

The release workflow runs this before anything else, so that it stops at once if the tag, the version of the package and
the changelog do not agree.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEADING = re.compile(r"^## (?P<version>\S+) \(.*\)$", re.MULTILINE)


class ReleaseError(Exception):
    """The version cannot be released; the message says what to change."""


def release_notes(changelog: str, version: str) -> str:
    """Returns the text of the section of `version`, without its heading and without surrounding blank lines.

    Raises `ReleaseError` if the changelog has no such section or if the section is empty.
    """
    headings = list(HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    for heading, end in zip(headings, ends, strict=True):
        if heading["version"] == version:
            if notes := changelog[heading.end() : end].strip():
                return notes
            raise ReleaseError(f"the section of version '{version}' in CHANGELOG.md is empty")
    raise ReleaseError(f"CHANGELOG.md has no section for version '{version}': run `make changelog`")


def check_version(pyproject: str, version: str) -> None:
    """Raises `ReleaseError` if pyproject.toml declares another version than `version`."""
    declared = tomllib.loads(pyproject)["project"]["version"]
    if declared != version:
        raise ReleaseError(f"`project.version` in pyproject.toml is '{declared}', not '{version}'")


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0 if the notes were printed, 1 if the version cannot be released, 2 for wrong usage."""
    if len(arguments) != 1 or not arguments[0]:
        sys.stderr.write("usage: make release-notes VERSION=X.Y.Z\n")
        return 2
    try:
        check_version((ROOT / "pyproject.toml").read_text(encoding="utf-8"), arguments[0])
        notes = release_notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), arguments[0])
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{notes}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
