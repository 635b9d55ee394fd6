"""The value of `--only`."""

from __future__ import annotations

import pytest

from harbor_operator.kubectl.areas import Area
from harbor_operator.kubectl.cli import make_parser


def test_a_list_and_a_repetition() -> None:
    words = ["doctor", "-f", "-", "--only", "storage, cache", "--only", "release"]
    assert make_parser().parse_args(words).only == [Area.STORAGE, Area.CACHE, Area.RELEASE]
    assert make_parser().parse_args(["doctor", "-f", "-"]).only == []


@pytest.mark.parametrize("text", ["", "cache,", "cache,disk"])
def test_another_area_is_wrong_usage(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args(["doctor", "-f", "-", "--only", text])
    assert ended.value.code == 2
    expected = f"unknown area {text.rpartition(',')[2]!r}: choose from {', '.join(Area)}"
    assert expected in capsys.readouterr().err
