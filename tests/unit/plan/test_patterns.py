"""A translated pattern matches the same namespaces as the shell pattern that the injector uses."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbor_operator.plan.patterns import LETTERS, translate

# Everything that is special in a shell, in RE2 or in CEL, and some characters that are not.
PATTERNS = st.lists(
    st.one_of(
        st.sampled_from(["*", "?", "[", "]", "!", "-", "^", "$", "\\", ".", "|", '"', "\n", "A", "ü", "a", "b", "1"]),
        st.sampled_from(
            ["kube-", "[a-c]", "[!a-c]", "[]a]", "[!]a]", "[c-a]", "[a-]", "[-a]", "[!*]", "[^a]", "[0-9]?"]
        ),
    ),
    max_size=8,
).map("".join)
NAMES = st.one_of(
    st.sampled_from(["a", "b", "ab", "kube-system", "kube-a", "team-1", "1", "a-b", "c1"]),
    st.text(LETTERS, min_size=1, max_size=8),
)


@given(pattern=PATTERNS, name=NAMES)
def test_the_expression_matches_what_the_pattern_matches(pattern: str, name: str) -> None:
    expression = translate(pattern)
    matches = expression is not None and re.search(f"^({expression})$", name) is not None
    assert matches is fnmatchcase(name, pattern)


@given(pattern=PATTERNS)
def test_nothing_in_it_needs_to_be_escaped(pattern: str) -> None:
    assert set(translate(pattern) or "") <= set(LETTERS) | set(".*[]")


@pytest.mark.parametrize(
    ("pattern", "expression"),
    [
        ("kube-*", "kube-.*"),
        ("ci-?", "ci-."),
        ("team-[abc]", "team-[abc]"),
        ("[!b-z0-9]x", "[-a]x"),
        ("[a]b", "ab"),
        ("Kube-*", None),
        ("a.b", None),
        ("a[", None),
        ("[z-a]", None),
        ("", None),
    ],
)
def test_expressions_are_plain(pattern: str, expression: str | None) -> None:
    assert translate(pattern) == expression
