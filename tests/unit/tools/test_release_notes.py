from __future__ import annotations

import pytest

from tools.release_notes import ReleaseError, check_version, main, release_notes

CHANGELOG = """# Changelog

Text before the first section.

## 0.2.0 (2027-01-15)

### Features

- Second.

## 0.1.1 (2026-12-01)

## 0.1.0 (2026-11-27)

### Features

- First.
"""


@pytest.mark.parametrize(("version", "entry"), [("0.2.0", "- Second."), ("0.1.0", "- First.")])
def test_notes_are_the_section_of_the_version(version: str, entry: str) -> None:
    assert release_notes(CHANGELOG, version) == f"### Features\n\n{entry}"


@pytest.mark.parametrize(
    ("version", "message"), [("0.3.0", "no section"), ("0.1", "no section"), ("0.1.1", "is empty")]
)
def test_version_without_notes_is_an_error(version: str, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        release_notes(CHANGELOG, version)


def test_version_must_be_that_of_the_package() -> None:
    check_version('[project]\nversion = "0.2.0"\n', "0.2.0")
    with pytest.raises(ReleaseError, match=r"is '0\.2\.0', not '0\.1\.0'"):
        check_version('[project]\nversion = "0.2.0"\n', "0.1.0")


@pytest.mark.parametrize(("arguments", "code"), [([], 2), ([""], 2), (["999.0.0"], 1)])
def test_wrong_arguments_give_an_exit_code_and_a_message(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    assert capsys.readouterr().err
