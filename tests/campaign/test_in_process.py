"""Random changes of a spec and of its servers, on the whole operator with fakes and a virtual clock.

`CAMPAIGN_SEED` chooses the changes; a failure prints it, and the same number repeats the failure.
`CAMPAIGN_FULL=1` runs every semantic case.
"""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from typing_extensions import override

from tests.campaign.model import DEPLOYED_KINDS, Case, cases, is_valid
from tests.campaign.seeds import SEEDS
from tests.campaign.semantic import BASE, SemanticCase, run_case
from tests.campaign.semantic_list import semantic_cases
from tests.campaign.snapshot import snapshot
from tests.campaign.transitions import is_possible
from tests.campaign.trial import Trial

RANDOM_SEED = int(os.environ.get("CAMPAIGN_SEED", "1"))
SEMANTIC_CASES = semantic_cases()
SAMPLE = 30
STARTS = ["full", "harbor", "s3", "filesystem", "driver-gcs", "ldap", "sentinel", "given", "namespaces"]
CASES = [case for case in cases(RANDOM_SEED) if case.kind in DEPLOYED_KINDS and case.seed in STARTS]


class SpecCampaign(RuleBasedStateMachine):
    @initialize(name=st.sampled_from(STARTS))
    def begin(self, name: str) -> None:
        self.trial = Trial()
        self.spec = SEEDS[name]
        self.trial.deploy(self.spec)
        self.moves = 0

    @rule(case=st.sampled_from(CASES))
    def change(self, case: Case) -> None:
        before = self.spec if case.precondition(self.spec) else case.setup(self.spec)
        changed = case.mutate(before)
        if changed == self.spec or not is_valid(changed) or not is_possible(self.spec, changed):
            return
        was_ready, state = self.trial.is_ready, snapshot(self.trial.deployment)
        if before != self.spec:
            self.trial.deploy(changed)
        else:
            self.trial.mutate(self.spec, case)
            can_return = was_ready and "migration" not in case.path and is_possible(changed, self.spec)
            if can_return and not self.trial.is_ready:
                self.trial.roll_back(self.spec, state)
                return
        self.spec = changed
        self.moves += 1

    @precondition(lambda self: self.moves > 0)
    @rule()
    def compare(self) -> None:
        self.trial.compare_with_fresh(self.spec)

    @override
    def teardown(self) -> None:
        if hasattr(self, "trial"):
            self.trial.compare_with_fresh(self.spec)


def test_random_paths_of_a_spec_end_in_the_state_of_a_new_deployment() -> None:
    print(f"CAMPAIGN_SEED={RANDOM_SEED}")
    checks = settings(
        max_examples=15, stateful_step_count=6, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(seed(RANDOM_SEED)(SpecCampaign), settings=checks)


def test_the_list_of_semantic_cases_is_long_and_has_no_name_twice() -> None:
    names = [case.name for case in SEMANTIC_CASES]
    assert len(names) >= 150
    assert len(set(names)) == len(names)


def test_the_base_of_the_semantic_cases_is_ready() -> None:
    trial = Trial()
    trial.deploy(BASE)
    assert trial.is_ready, trial.messages


def sample() -> list[SemanticCase]:
    if os.environ.get("CAMPAIGN_FULL"):
        return SEMANTIC_CASES
    return random.Random(RANDOM_SEED).sample(SEMANTIC_CASES, SAMPLE)  # noqa: S311 - choices of a test


@pytest.mark.parametrize("case", sample(), ids=lambda case: case.name)
def test_what_is_broken_is_named_and_heals(case: SemanticCase) -> None:
    run_case(case, Trial())
