"""Which namespaces a registry means: a label selector and name patterns, judged as Kubernetes and a shell would."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import translate
from functools import lru_cache

from harbor_operator.api.v1alpha1 import LabelExpression, NamespaceSelection


def is_selected(selection: NamespaceSelection, name: str, labels: Mapping[str, str]) -> bool:
    """Whether the namespace of that name and labels is meant."""
    if _is_any(tuple(selection.exclude))(name):
        return False
    selector = selection.selector
    return selector.match_labels.items() <= labels.items() and all(
        _holds(expression, labels) for expression in selector.match_expressions
    )


@lru_cache(maxsize=64)
def _is_any(patterns: tuple[str, ...]) -> Callable[[str], re.Match[str] | None]:
    # Ten thousand names are judged by the same few patterns.
    return re.compile("|".join(map(translate, patterns)) or r"(?!)").match


def _holds(expression: LabelExpression, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression.key)
    match expression.operator:
        case "In":
            return value is not None and value in expression.values
        case "NotIn":
            # As in Kubernetes: a namespace without the label is in none of the values.
            return value is None or value not in expression.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
