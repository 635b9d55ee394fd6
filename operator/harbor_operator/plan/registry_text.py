"""Texts for the configuration of the registry, which reads its variables and its file as YAML.

A password of digits would be a number there, and one that begins with '#' empty; the Swift driver panics at a number.
Source: `configuration/parser.go` and the drivers of distribution 2.8. Only texts that need it get quotes, so that the
others, and the pods that read them, stay as they are.
"""

from __future__ import annotations

import json
import re

from pydantic import SecretStr

_PLAIN = re.compile(r"[A-Za-z0-9/][!-~]*(?<!:)")
"""Without a space, only the first and the last character can have a meaning in YAML."""
_NO_NUMBER = re.compile(r"[ac-df-np-wyz]", re.IGNORECASE)
"""A letter that no number and no date in YAML contains, except for the digits of '0x'."""
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}


def registry_variable(value: SecretStr) -> SecretStr:
    """Returns a text as the value of a variable `REGISTRY_...`, in quotes if YAML would read another value."""
    text = value.get_secret_value()
    return value if _PLAIN.fullmatch(text) and _is_text(text) else SecretStr(_quoted(text))


def chart_text(text: str) -> str:
    """Returns a text as a value that the chart prints without quotes, in quotes if YAML would read a number or word."""
    return text if _is_text(text) else _quoted(text)


def _is_text(text: str) -> bool:
    lower = text.lower()
    return bool(_NO_NUMBER.search(lower)) and lower not in _WORDS and not lower.startswith("0x")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
