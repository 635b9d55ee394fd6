"""The oracle of admission: the API server and the model accept the same specs, and read the same defaults."""

from __future__ import annotations

import re

from pydantic import ValidationError

from harbor_operator.api.v1alpha1 import HarborRegistrySpec
from tests.campaign.api_server import Answer
from tests.campaign.schema import Spec


def error_of(spec: Spec) -> str:
    """Returns why the model refuses the spec; empty if it accepts it."""
    try:
        HarborRegistrySpec.parse(spec)
    except ValidationError as error:
        return "; ".join(f"{item['loc']} {item['msg']}" for item in error.errors())
    return ""


def difference(name: str, spec: Spec, answer: Answer) -> str:
    """Returns how the model and the API server differ about a spec; empty if they do not."""
    error = error_of(spec)
    if answer.stored is None:
        is_known = error or is_named_twice(answer) or is_read_as_float(answer)
        return "" if is_known else f"{name}: only the API server refuses it: {answer.causes}"
    if error:
        return f"{name}: only the model refuses it: {error}"
    if error := error_of(answer.stored):
        return f"{name}: the model refuses what the API server stores: {error}"
    if HarborRegistrySpec.parse(answer.stored) != HarborRegistrySpec.parse(spec):
        return f"{name}: the defaults differ"
    return ""


def is_named_twice(answer: Answer) -> bool:
    """Whether two projects have one name, which `check_projects` reports: the model accepts them."""
    return all(re.fullmatch(r"spec\.projects\[\d+\]", place) and "Duplicate" in text for place, text in answer.causes)


def is_read_as_float(answer: Answer) -> bool:
    """Whether a rule of the API server takes the text 1.0 for no integer; without a rule it stores the integer 1."""
    return all("expected int, got float64" in text for _, text in answer.causes)
