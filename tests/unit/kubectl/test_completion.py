"""The answers to kubectl's completion."""

from __future__ import annotations

import pytest

from harbor_operator.kubectl.completion import completions


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["re"], ["reconcile", "resume", "report", "restore"]),
        (["nothing"], []),
        (["status", "--all"], ["--all-namespaces"]),
        (["status", "-o", ""], ["text", "json"]),
        (["explain", "some", "words", "-o", "j"], ["json"]),
        (["explain", "StorageBody"], ["StorageBodyLimit"]),
        (["unknown", ""], []),
        (["status", "--context", ""], []),
        (["status", "--as-group", ""], []),
        (["doctor", "-o", ""], ["table", "json", "yaml", "junit"]),
        (["doctor", "--on"], ["--only"]),
        (["doctor", "--only", "r"], ["release", "registry"]),
        (["doctor", "--only", "cache,s"], ["cache,storage"]),
    ],
)
def test_candidates(words: list[str], names: list[str]) -> None:
    *lines, directive = completions(words).splitlines()
    assert [line.split("\t")[0] for line in lines] == names
    assert directive == ":4"


def test_all_verbs() -> None:
    assert completions([""]) == completions([])
    assert "status\tshow conditions" in completions([""])


def test_the_shell_completes_the_path_of_a_file() -> None:
    assert completions(["status", "--kubeconfig", "/etc"]) == ":0\n"
