"""Every component has its twin: the same name, in integers, in the same noun's module of algo.integer."""

import importlib

import pytest

from quadrille.hw.base import Block
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
    own = [base for base in block.__mro__ if issubclass(base, Block) and base is not Block]
    assert block.__doc__ and any("Raises" in (base.__doc__ or "") for base in own), "what is refused must be said"
    for parameter in block.parameters:
        assert parameter.help, f"{name}: {parameter.name} must say what it is"
        assert parameter.check(name, parameter.default) == parameter.default
