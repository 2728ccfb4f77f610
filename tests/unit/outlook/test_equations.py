"""The equations as people read them, against the kernel that computes them and the page that prints them."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from types import ModuleType
from typing import Any

import pytest

from benchmarks.outlook import PAGE
from equipoise.outlook.equations import EQUATIONS, Equation, printed
from equipoise.outlook.kernel import compute, month, output, staff
from equipoise.outlook.parameters import NAMES

MODULES: dict[str, ModuleType] = {"compute": compute, "month": month, "output": output, "staff": staff}


def source_of(name: str) -> ast.AST:
    module, _, function = name.partition(".")
    compiled: Any = getattr(MODULES[module], function)
    return ast.parse(textwrap.dedent(inspect.getsource(compiled.py_func)))


def read_by(functions: tuple[str, ...]) -> set[str]:
    """The parameters that functions of the kernel read: of ``p``, which all labs share, and of ``own``, which each draws."""
    return {
        node.attr
        for name in functions
        for node in ast.walk(source_of(name))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("p", "own")
    }


@pytest.mark.parametrize("equation", EQUATIONS, ids=lambda equation: equation.functions[0])
def test_equation_names_the_parameters_that_its_functions_read_and_no_others(equation: Equation) -> None:
    assert set(re.findall(r"`(\w+)`", equation.text)) == read_by(equation.functions)


def test_every_parameter_and_every_function_that_reads_one_stands_in_an_equation() -> None:
    named = {name for equation in EQUATIONS for name in equation.functions}
    assert read_by(tuple(named)) == set(NAMES)
    for short, module in MODULES.items():
        for name, member in vars(module).items():
            if (
                hasattr(member, "py_func")
                and member.py_func.__module__ == module.__name__
                and read_by((f"{short}.{name}",))
            ):
                assert f"{short}.{name}" in named, f"{short}.{name} reads parameters that no equation has"


def test_page_prints_them() -> None:
    assert printed() in PAGE.read_text("utf-8"), "run: python -m benchmarks.outlook --write"
