"""What `install generate` refuses; tests/contract compares what it prints with the chart."""

from __future__ import annotations

import pytest

from harbor_operator.kubectl.cli import main
from harbor_operator.kubectl.install import TEMPLATE, Choices, manifests

DIGEST = f"sha256:{'0' * 64}"
CRD = "kind: CustomResourceDefinition\nspec:\n  group: a\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--registry-namespaces", ","], "`--registry-namespaces` is empty"),
        (["--registry-namespaces", "Intra"], "`--registry-namespaces`: 'Intra' is not a name"),
        (["--registry-namespaces", "yes"], "`--registry-namespaces`: 'yes' is not a name"),
        (["--registry-namespaces", "a", "-n", "1"], "`--namespace`: '1' is not a name"),
        (["--registry-namespaces", "a", "-n", "a"], "contains 'a', the namespace of the operator"),
        (["--registry-namespaces", "a", "--admission-policies", "cr"], "`--admission-policies`: '' is not a name"),
        (["--registry-namespaces", "a", "--image", "operator"], "`--image` is 'operator'"),
        (
            ["--registry-namespaces", "a", "--image", "localhost:5000/operator"],
            "`--image` is 'localhost:5000/operator'",
        ),
        (["--registry-namespaces", "a", "--image", 'a:1"\n- b'], "`--image` is"),
    ],
)
def test_a_wrong_value_is_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install", "generate", *arguments]) == 2
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("image", ["a:1", "localhost:5000/a/b:v1.2", f"a/b@{DIGEST}", f"a:1@{DIGEST}"])
def test_no_placeholder_remains(image: str) -> None:
    choices = Choices("platform", image, ["intra"], ["intra/cr"], evicts_stuck_pods=True, service_monitors=True)
    text = manifests(TEMPLATE.read_text(encoding="utf-8"), CRD, choices)
    assert f'image: "{image}"' in text
    assert not [word for word in ("-of-the-", "-of-a-", "registry.policy") if word in text]
    assert "  group: a\n---\n" in text
