"""Hypothesis strategies: labels of namespaces, and selections that match some of them."""

from __future__ import annotations

from hypothesis import strategies as st

from harbor_operator.api.v1alpha1 import LabelExpression, LabelSelector, NamespaceSelection

keys = st.sampled_from(["team", "tier"])
values = st.sampled_from(["", "a", "b"])
labels = st.dictionaries(keys, values)
choices = st.sampled_from(["", "", "enabled", "disabled"])
"""Values of the annotation `harbor-operator.io/inject`."""
expressions = st.builds(
    LabelExpression,
    key=keys,
    operator=st.sampled_from(["In", "NotIn"]),
    values=st.lists(values, min_size=1, max_size=2, unique=True),
) | st.builds(LabelExpression, key=keys, operator=st.sampled_from(["Exists", "DoesNotExist"]))
selectors = st.builds(
    LabelSelector,
    match_labels=st.just({}) | labels,
    match_expressions=st.just([]) | st.lists(expressions, max_size=2),
)
selections = st.just(NamespaceSelection()) | st.builds(
    NamespaceSelection,
    selector=selectors,
    exclude=st.lists(st.sampled_from(["kube-*", "b*", "?pp", "blue"]), max_size=2),
    opt_in=st.booleans(),
)
