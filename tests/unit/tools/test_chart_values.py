from __future__ import annotations

from tools.chart_values import Entry, read_entries


def test_the_reader_of_the_values_takes_comments_types_and_sections() -> None:
    text = (
        "# +docs:section=One\n\n# Not about a value.\n\nouter:\n  # First\n  # line.\n"
        '  # @schema {"type": "object"}\n  leaf: {a: 1}\n  # Other.\n  list:\n    - {b: 1}\nlast: 3\n'
    )
    assert read_entries(text) == [
        Entry(("outer", "leaf"), {"a": 1}, "First line.", "One", {"type": "object"}),
        Entry(("outer", "list"), [{"b": 1}], "Other.", "One", {}),
        Entry(("last",), 3, "", "One", {}),
    ]
