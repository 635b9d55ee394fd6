"""Which namespaces a registry selects: by labels, as Kubernetes does, by patterns of excluded names, by annotation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from functools import lru_cache

from harbor_operator.api.v1alpha1 import LabelExpression, NamespaceSelection
from harbor_operator.plan.names import INJECT_DISABLED, INJECT_ENABLED

SYSTEM_NAMESPACES = "kube-*"
NOT_EXCLUDED = f"!{SYSTEM_NAMESPACES}"
"""The entry of `exclude` that selects the namespaces of the cluster itself, which are otherwise always excluded."""


def is_selected(selection: NamespaceSelection, name: str, labels: Mapping[str, str], inject: str = "") -> bool:
    """Whether the selection includes a namespace with that name, those labels, and that value of our annotation."""
    if is_excluded(selection, name, inject):
        return False
    selector = selection.selector
    return selector.match_labels.items() <= labels.items() and all(
        _matches(expression, labels) for expression in selector.match_expressions
    )


def is_excluded(selection: NamespaceSelection, name: str, inject: str) -> bool:
    """Whether a pattern or our annotation excludes the namespace, whatever its labels are."""
    opted_out = inject != INJECT_ENABLED if selection.opt_in else inject == INJECT_DISABLED
    return opted_out or _matcher(tuple(selection.exclude))(name) is not None


def needs_labels(selection: NamespaceSelection) -> bool:
    """Whether the labels of a namespace decide."""
    return bool(selection.selector.match_labels or selection.selector.match_expressions)


def excluded_patterns(exclude: Sequence[str]) -> list[str]:
    """Returns the shell patterns of excluded names; `kube-*` is one of them unless the list says `!kube-*`."""
    patterns = [pattern for pattern in exclude if pattern != NOT_EXCLUDED]
    return patterns if NOT_EXCLUDED in exclude else [SYSTEM_NAMESPACES, *patterns]


@lru_cache(maxsize=64)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], re.Match[str] | None]:
    # The same few patterns are matched against ten thousand names.
    return re.compile("|".join(map(translate, excluded_patterns(patterns))) or r"(?!)").match


def _matches(expression: LabelExpression, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression.key)
    match expression.operator:
        case "In":
            return value is not None and value in expression.values
        case "NotIn":
            # As in Kubernetes, a namespace without the label matches.
            return value is None or value not in expression.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
