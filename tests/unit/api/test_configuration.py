"""What `spec.configuration` accepts."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from harbor_operator.api.configuration import Configuration

ADAPTER: TypeAdapter[dict[str, Any]] = TypeAdapter(Configuration)


def test_texts_numbers_and_booleans_keep_their_type() -> None:
    settings = {"read_only": True, "token_expiration": 1, "banner_message": "1"}
    assert [(type(value), value) for value in ADAPTER.validate_python(settings).values()] == [
        (bool, True),
        (int, 1),
        (str, "1"),
    ]


@pytest.mark.parametrize("settings", [{"Upper": 1}, {"a b": 1}, {"a": 1.5}, {"a": None}, {"a": [1]}, {"a": {"b": 1}}])
def test_other_names_and_types_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(settings)


@pytest.mark.parametrize("name", ["auth_mode", "primary_auth_mode", "oidc_scope", "ldap_url"])
def test_how_users_log_in_belongs_to_another_section(name: str) -> None:
    with pytest.raises(ValidationError, match=f"`{name}`: use the section `authentication`"):
        ADAPTER.validate_python({name: "x"})
