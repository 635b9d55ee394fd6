from __future__ import annotations

import pytest

from harbor_operator.checks.backend_tls import policy_forbidden
from harbor_operator.checks.issued_certificates import describe_missing_right
from harbor_operator.checks.texts import refused_account

REFUSAL = (
    'certificates.cert-manager.io is forbidden: User "system:serviceaccount:ops:harbor" cannot list resource'
    ' "certificates" in API group "cert-manager.io" in the namespace "intra"'
)


@pytest.mark.parametrize(
    ("answer", "account"),
    [(REFUSAL, "ops:harbor"), ('User "admin" cannot list', "NAMESPACE:NAME"), ("", "NAMESPACE:NAME")],
)
def test_the_refused_account_is_the_one_that_the_api_server_names(answer: str, account: str) -> None:
    assert refused_account(answer) == account


def test_the_command_that_gives_a_right_binds_the_account_that_was_refused() -> None:
    for message in (describe_missing_right(REFUSAL, "intra"), policy_forbidden(REFUSAL, "intra").message):
        assert "kubectl -n intra create rolebinding" in message
        assert "--serviceaccount=ops:harbor`" in message
