"""Every component has its twin: the same name, in integers, in the same noun's module of algo.integer."""

import importlib

import pytest

from quadrille.hw.export.catalogue import CATALOGUE


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_component_has_a_twin(name: str) -> None:
    block = CATALOGUE[name]
    room = block.__module__.split(".")[2]
    twin = getattr(importlib.import_module(f"quadrille.algo.integer.{room}"), name.replace("-", "_"), None)
    assert callable(twin), f"algo/integer/{room}.py must have {name.replace('-', '_')}"
    assert twin.__doc__, f"{twin.__name__} must say what it computes"


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_component_describes_itself(name: str) -> None:
    block = CATALOGUE[name]
    assert block.block_name == name
    assert block.__doc__ and "Raises" in block.__doc__, "the docstring has the equation and what is refused"
    for parameter in block.parameters:
        assert parameter.help, f"{name}: {parameter.name} must say what it is"
        assert parameter.check(name, parameter.default) == parameter.default
