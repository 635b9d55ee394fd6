from __future__ import annotations

from tools.helpers import helpers

SOURCE = """
def public(): return _short() + _twice() + _twice()
def _short():
    '''The docstring does not count.'''
    a = 1
    return a
def _twice(): return 1
def _long():
    a = 1
    b = 2
    c = 3
    d = 4
    return a + b + c + d
class C:
    def method(self): return self._part() + _long()
    def _part(self): return 1
"""


def test_short_private_functions_with_one_use_are_listed() -> None:
    assert [(name, lines) for _, name, lines in helpers(SOURCE)] == [("_short", 2), ("_part", 1)]
