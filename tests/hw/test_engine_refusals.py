"""What no accelerator can be: refused in a sentence before anything is built."""

import re
from dataclasses import asdict

import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.hw.engine import Accelerator, Target
from quadrille.hw.engine.packing import pack, packet


def refused(message: str):
    return pytest.raises(InvalidInput, match=f"^{re.escape(message.removeprefix(chr(94)))}$")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"rows": 0}, "^Parameter rows of accelerator must be from 1 to 4096, not 0"),
        ({"lanes": 200}, "^Lanes must be at most the 128 columns of the macros, not 200"),
        ({"bias_bits": 33}, "^Bias width must be at most that of the accumulator, 32, not 33"),
        ({"lanes": 3}, "^Lanes must be a power of two, not 3"),
        ({"word": 4}, "^Word of the activation memories must be at least 32 activations, not 4"),
        ({"result_bits": 3}, "^Result width must be at least that of an activation, 4, not 3"),
    ],
)
def test_parameters_that_contradict_are_refused(change, message):
    with refused(message):
        Accelerator(**change)


def test_numbers_that_do_not_fit_their_field_are_refused():
    with refused("^Table field must fit u8, not 300"):
        packet(300, 0, [], 8)
    accelerator = Accelerator()
    accelerator.inspected()
    configuration = accelerator.configuration
    with refused("^Table field must fit u1, not 2"):
        pack(configuration.weight_row, {"cells": 0, "reference": 2})
    assert asdict(configuration)["rows"] == 128 and Target.WEIGHTS == 1
