"""Which namespaces a registry means: a label selector and name patterns, judged as Kubernetes and a shell would."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from harbor_operator.api.v1alpha1 import LabelExpression, NamespaceSelection


def is_selected(selection: NamespaceSelection, name: str, labels: Mapping[str, str]) -> bool:
    """Whether the namespace of that name and labels is meant."""
    if any(fnmatchcase(name, pattern) for pattern in selection.exclude):
        return False
    selector = selection.selector
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _holds(expression, labels) for expression in selector.match_expressions
    )


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
