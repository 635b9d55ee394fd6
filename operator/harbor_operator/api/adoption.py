"""Rules of `spec.release.adopt`, which takes over a Helm release that another client installed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harbor_operator.api.rule import Rule

PlanIdentifier = Annotated[str, Field(pattern=r"^([0-9a-f]{8})?$")]

UNUSED_PLAN_MESSAGE = "`adoptionPlan` needs `adopt: true`"
LOGIN_MESSAGE = (
    "`release.adopt` needs `database.credentialsSecretRef`, the login that the release uses: with `adminSecretRef` the"
    " operator would create another role"
)

UNUSED_PLAN_RULE = Rule(
    "!has(self.adoptionPlan) || self.adoptionPlan == '' || (has(self.adopt) && self.adopt)", UNUSED_PLAN_MESSAGE
)
LOGIN_RULE = Rule(
    "!(has(self.release) && has(self.release.adopt) && self.release.adopt) || !has(self.database)"
    " || has(self.database.credentialsSecretRef)",
    LOGIN_MESSAGE,
)
