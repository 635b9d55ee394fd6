"""The table of verbs: rights, arguments and schemas."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from harbor_operator.kubectl import verbs
from harbor_operator.kubectl.verb import Verb
from harbor_operator.kubectl.verbs import VERBS

SCHEMAS = Path(verbs.__file__).with_name("schemas")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_a_verb_has_rights_exactly_if_it_needs_a_cluster(verb: Verb) -> None:
    assert bool(verb.rights) is verb.needs_cluster


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_no_verb_may_do_everything(verb: Verb) -> None:
    for right in verb.rights:
        assert "*" not in (right.group, right.resource, *right.verbs)
        # Only these list Secrets: those of Helm, whose names have numbers; a plan also those of one name.
        assert right.resource != "secrets" or right.verbs == ("get",) or verb.name in {"plan", "doctor", "backup"}


def test_every_verb_with_json_has_a_schema() -> None:
    printed = {verb.name for verb in VERBS if "json" in verb.formats}
    assert {path.stem for path in SCHEMAS.glob("*.json")} == {*printed, "backup-manifest"}
    for path in SCHEMAS.glob("*.json"):
        jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))
