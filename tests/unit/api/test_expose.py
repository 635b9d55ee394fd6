"""`spec.expose` and `spec.internalTLS`: the models refuse what the rules of the CRD refuse."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.fakes.release import registry

PARENTS = [{"name": "public"}]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"expose": {"type": "route"}}, "type 'route' needs `parentRefs`"),
        ({"expose": {"type": "ingress", "parentRefs": PARENTS}}, "and no other type takes them"),
        ({"expose": {"type": "route", "parentRefs": PARENTS, "tlsSecretName": "a"}}, "`tlsSecretName` is not for type"),
        ({"release": None, "internalTLS": {}}, "`internalTLS` needs `release`"),
    ],
)
def test_fields_that_do_not_fit_are_refused(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        registry(**spec)
    assert said in refused.value.errors()[0]["msg"]


@pytest.mark.parametrize("field", ["name", "namespace", "sectionName"])
def test_a_reference_contains_names(field: str) -> None:
    with pytest.raises(ValidationError):
        registry(expose={"type": "route", "parentRefs": [{"name": "public", field: "No name"}]})
