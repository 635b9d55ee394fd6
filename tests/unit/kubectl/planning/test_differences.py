"""Fields as text."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import SecretStr

from harbor_operator.kubectl.planning.differences import described, differences, shown


@dataclass(frozen=True)
class Example:
    name: str
    is_on: bool = False
    words: frozenset[str] = frozenset()
    settings: dict[str, str] = field(default_factory=dict)
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    next: Example | None = None


@dataclass(frozen=True)
class Other:
    name: str
    number: int


def test_only_what_differs_from_the_defaults_is_described() -> None:
    example = Example("a", is_on=True, password=SecretStr("secret"), next=Example("b"))
    assert list(described(example)) == [
        "is_on: true",
        "password: ***",
        "next: (name='b', is_on=false, words=[], settings={}, password=***, next=none)",
    ]
    assert list(described(Other("a", 1))) == ["number: 1"]


def test_only_common_fields_are_compared() -> None:
    before, after = Example("a", words=frozenset({"y", "x"})), Example("b", settings={"k": "v"})
    assert list(differences(before, after)) == [
        "name: 'a' -> 'b'",
        "words: ['x', 'y'] -> []",
        "settings: {} -> {k: 'v'}",
    ]
    assert list(differences(Other("a", 1), Example("a"))) == []


def test_what_is_written_like_a_secret_is_removed() -> None:
    assert shown("https://ci:hunter2@ci.example.com/hook") == "'https://REMOVED@ci.example.com/hook'"
