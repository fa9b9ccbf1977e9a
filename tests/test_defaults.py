"""The table of defaults says what the signatures say."""

import ast
import inspect
import re
from functools import reduce
from pathlib import Path

import pytest

import chainrule as cr

PAGE = Path(__file__).resolve().parents[1] / "docs" / "defaults.md"
CALLS = re.findall(r"^\|[^|]*\| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("call", CALLS)
def test_default(call):
    expression = ast.parse(call, mode="eval").body
    thing = reduce(getattr, ast.unparse(expression.func).split("."), cr)
    (keyword,) = expression.keywords
    expected = eval(compile(ast.Expression(keyword.value), str(PAGE), "eval"))
    assert inspect.signature(thing).parameters[keyword.arg].default == expected


def test_the_table_is_read():
    assert len(CALLS) > 50
