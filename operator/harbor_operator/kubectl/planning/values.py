"""The values of the planned release as a diff against the running one, without secrets; pure.

What the planned release holds as a secret is masked. A text of the running release is shown only if the planned one has
a plain text at the same path or the same text elsewhere: nothing says of any other text that it is not a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from typing import Any

import yaml
from pydantic import SecretStr

from harbor_operator.kubectl.planning.differences import MASK
from harbor_operator.kubectl.redaction import redact_line
from harbor_operator.plan.generated_secrets import redact

BEFORE, AFTER = f"{MASK} (before)", f"{MASK} (after)"
"""As `kubectl diff` masks the values of a Secret that differ."""

_SECRET_KEY = re.compile(r"(?i)^(?!existing).*(password|passwd|secret|secretkey|token|accesskey|credentials?)$")
_ABSENT = object()


def values_diff(planned: Mapping[str, Any], running: Mapping[str, Any], secrets: Sequence[SecretStr]) -> Iterator[str]:
    """Yields the lines of a unified diff of both as YAML; empty if they are equal apart from secrets."""
    before, after = _Masking(planned, secrets).tree(running, planned)
    yield from unified_diff(_yaml(before), _yaml(after), "running", "planned", lineterm="")


def _yaml(tree: Any) -> list[str]:
    return yaml.safe_dump(tree, allow_unicode=True, width=10_000).splitlines() if tree else []


class _Masking:
    def __init__(self, planned: Mapping[str, Any], secrets: Sequence[SecretStr]) -> None:
        self._secrets = secrets
        self._plain = set(_plain_texts(planned))

    def tree(self, before: Any, after: Any) -> tuple[Any, Any]:
        """Returns both trees with masked leaves and without nulls, which Helm ignores."""
        return self._pair("", before, after, in_list=False)

    def _pair(self, key: str, before: Any, after: Any, *, in_list: bool) -> tuple[Any, Any]:
        if isinstance(before, Mapping) or isinstance(after, Mapping):
            return self._mappings(before, after, in_list=in_list)
        if isinstance(before, list) or isinstance(after, list):
            return self._lists(key, before, after)
        if isinstance(after, SecretStr):
            return self._secret(before, after)
        if _SECRET_KEY.match(key) and before not in (_ABSENT, ""):
            return (MASK, MASK) if before == after else (BEFORE, _ABSENT if after is _ABSENT else AFTER)
        is_plain = isinstance(after, str) and not in_list
        return self._running(before, is_plain=is_plain), self._planned(key, after)

    def _mappings(self, before: Any, after: Any, *, in_list: bool) -> tuple[Any, Any]:
        old, new = (tree if isinstance(tree, Mapping) else {} for tree in (before, after))
        pairs = {
            key: self._pair(str(key), old.get(key, _ABSENT), new.get(key, _ABSENT), in_list=in_list)
            for key in sorted({*old, *new}, key=str)
        }
        left = self._whole(before, {key: pair[0] for key, pair in pairs.items()}, Mapping)
        return left, self._whole(after, {key: pair[1] for key, pair in pairs.items()}, Mapping)

    def _lists(self, key: str, before: Any, after: Any) -> tuple[Any, Any]:
        old, new = (tree if isinstance(tree, list) else [] for tree in (before, after))
        longest = max(len(old), len(new))
        padded = [[*items, *[_ABSENT] * (longest - len(items))] for items in (old, new)]
        pairs = [self._pair(key, left, right, in_list=True) for left, right in zip(*padded, strict=True)]
        left = self._whole(before, [pair[0] for pair in pairs if pair[0] is not _ABSENT], list)
        return left, self._whole(after, [pair[1] for pair in pairs if pair[1] is not _ABSENT], list)

    def _whole(self, tree: Any, masked: Any, kind: type) -> Any:
        """Returns the masked tree, or the masked leaf that one side has in place of the other's tree."""
        if not isinstance(tree, kind):
            return MASK if isinstance(tree, str | SecretStr) else tree
        if isinstance(masked, dict):
            return {key: value for key, value in masked.items() if value is not _ABSENT and value is not None}
        return masked

    def _secret(self, before: Any, after: SecretStr) -> tuple[Any, Any]:
        if before is _ABSENT or before is None:
            return before, MASK
        return (MASK, MASK) if before == after.get_secret_value() else (BEFORE, AFTER)

    def _running(self, value: Any, *, is_plain: bool) -> Any:
        if not isinstance(value, str):
            return value
        return self._redacted(value) if is_plain or value in self._plain else MASK

    def _planned(self, key: str, value: Any) -> Any:
        if isinstance(value, str):
            return MASK if value and _SECRET_KEY.match(key) else self._redacted(value)
        return value

    def _redacted(self, text: str) -> str:
        return redact_line(redact(text, self._secrets))


def _plain_texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    children = tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, list) else ()
    for child in children:
        yield from _plain_texts(child)
