"""Random networks on random accelerators: every integer equal, every cycle predicted, on the exported Verilog."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from quadrille.algo.spec import Dequantize, InvalidInput, Network
from quadrille.hw.engine import compile_network
from quadrille.hw.engine.replay import Replay
from quadrille.hw.export import design_files
from quadrille.sim.accelerator import read_accelerator
from quadrille.sim.model import Model, Stall
from quadrille.sim.verification import verify
from quadrille.tb.networks import random_linear_network, random_network

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "row tiles, argmax over two groups": (
        {"sizes": (20, 19, 18, 9), "tile_rows": 8},
        {"rows": 8, "columns": 8, "lanes": 4, "frames": 4},
    ),
    "4-bit weights in 2-bit cells, signed activations, 3-bit ADC": (
        {"sizes": (20, 13, 5), "weight_bits": 4, "cell_bits": 2, "signed": True, "adc_bits": 3},
        {"rows": 9, "columns": 12, "lanes": 4, "frames": 3, "cuts": 2},
    ),
    "uneven ladder, slices of several tiles, values that leave": (
        {
            "sizes": (12, 9, 20),
            "tile_rows": 7,
            "weight_bits": 3,
            "cell_bits": 2,
            "argmax": False,
            "activation_bits": 1,
            "adc_bits": 2,
            "uniform": False,
        },
        {"rows": 12, "columns": 5, "lanes": 1, "frames": 2, "cuts": 0},
    ),
    "one weight plane, results wait for the port": (
        {"sizes": (6, 5, 20), "tile_rows": 6, "argmax": False, "result_bits": 16},
        {"rows": 6, "columns": 10, "lanes": 4, "frames": 4, "weight_planes": 1},
    ),
    "one tile stays in the macro": (
        {"sizes": (6, 5), "tile_rows": 6, "row_sums": False},
        {"rows": 6, "columns": 8, "lanes": 8, "frames": 4},
    ),
    "one image a batch, as many groups of accumulators as outputs, a power of two": (
        {"sizes": (9, 8, 4), "tile_rows": 5},
        {"rows": 6, "columns": 8, "lanes": 1, "frames": 1},
    ),
    "two macros": (
        {"sizes": (30, 25, 24), "signed": True, "activation_bits": 4, "argmax": False, "result_bits": 12},
        {"rows": 8, "columns": 6, "macros": 2, "lanes": 8, "frames": 6},
    ),
    "residual blocks after an exact 8-bit stem, identity and subsampled": (
        {
            "shape": (3, 8, 8),
            "channels": (4, 4, 8),
            "rows": 36,
            "adc_bits": 5,
            "residual": "subsample",
            "pool": "sum",
            "exact_first": True,
            "exact_last": True,
        },
        {"rows": 36, "columns": 32, "lanes": 4},
    ),
    "projected shortcut, tiles that split kernels, two frames a batch": (
        {
            "shape": (3, 7, 6),
            "channels": (4, 8),
            "rows": 40,
            "adc_bits": 3,
            "residual": "projection",
            "pool": "max",
            "fill_rows": True,
            "weight_bits": 3,
            "cell_bits": 2,
        },
        {"rows": 40, "columns": 12, "lanes": 4, "frames": 2, "cuts": 0, "banks": 2},
    ),
    "groups, stride, signed maps, a map leaves, one weight plane": (
        {
            "shape": (4, 7, 5),
            "channels": (6, 8),
            "rows": 20,
            "stride": 2,
            "groups": 2,
            "classes": None,
            "activation_bits": 2,
            "signed": True,
        },
        {"rows": 20, "columns": 8, "lanes": 2, "frames": 2, "weight_planes": 1},
    ),
    "depthwise, kernels of 5, two macros, pixels of several words": (
        {
            "shape": (6, 6, 5),
            "channels": (6, 12),
            "rows": 25,
            "kernel": 5,
            "groups": 6,
            "row_sums": False,
            "argmax": False,
            "pool": "max",
        },
        {"rows": 32, "columns": 8, "lanes": 8, "word": 16, "macros": 2, "frames": 3},
    ),
    "a wave behind every layer": (
        {"shape": (3, 6, 6), "channels": (5, 9), "pool": "max", "function": "wave", "signed": True, "rows": 18},
        {"rows": 32, "columns": 16, "lanes": 8, "word": 16, "frames": 2},
    ),
    "pieces of each layer's own behind residual sums, multi-bit weights": (
        {
            "shape": (4, 6, 6),
            "channels": (4, 8),
            "residual": "projection",
            "function": "pieces",
            "weight_bits": 6,
            "cell_bits": 2,
            "adc_bits": 4,
            "argmax": False,
        },
        {"rows": 32, "columns": 32, "lanes": 4, "word": 16, "activation_cuts": 1},
    ),
    "differential arrays, ADC codes of either": (
        {
            "shape": (3, 5, 5),
            "channels": (4, 6),
            "weight_bits": 4,
            "cell_bits": 2,
            "adc_bits": 3,
            "differential": True,
            "row_sums": False,
            "exact_first": True,
        },
        {"rows": 32, "columns": 32, "lanes": 4, "word": 16},
    ),
    "1 x 1 kernels, more channels than a word": (
        {"shape": (20, 3, 3), "channels": (20, 6), "kernel": 1, "rows": 16, "adc_bits": 4, "fill_rows": True},
        {"rows": 16, "columns": 16, "lanes": 4, "word": 16},
    ),
}


def make_case(name):
    """The network, its program and some images."""
    settings, hardware = CASES[name]
    network = random_network(len(name), **settings)
    allowed = network.input.format.interval
    count = 7 if "shape" in settings else 17
    images = np.random.default_rng(1).integers(allowed.lo, allowed.hi + 1, (count, *network.input.shape))
    return network, compile_network(network, **hardware), images


@pytest.mark.verilator
@pytest.mark.parametrize("name", CASES)
def test_every_integer_and_every_cycle(tmp_path, name, write_program):
    network, program, images = make_case(name)
    folder = write_program(program, tmp_path / "hw")
    result = verify(folder, images)
    assert result.first is None and result.mismatches == 0
    shown = [n for n in network.nodes[1:] if n.kind not in ("flatten", "subsample")]
    assert result.integers >= sum(np.prod(network.edges[n.name].shape, initial=1) for n in shown) * len(images)
    assert [cycles for _, cycles in result.spans] == [program.timing.cycles(count) for count, _ in result.spans]

    # The same with random stalls: as many integers, later.
    accelerator = read_accelerator(folder)
    words = np.concatenate([accelerator.program, accelerator.input_words(images)])
    with Model(folder) as model:
        expected = {name: beats.per_image * len(images) for name, beats in accelerator.delivered.items()}
        smooth = model.run({"i": words[:, np.newaxis]}, expected)
        stalled = model.run({"i": words[:, np.newaxis]}, expected, stall=Stall(0.5, seed=3))
    for stream, capture in smooth.streams.items():
        for field, values in capture.fields.items():
            assert np.array_equal(values, stalled.streams[stream].fields[field])


ROOMY: dict[str, Any] = {"accumulator_bits": 32, "bias_bits": 32, "shift_bits": 5, "mantissa_bits": 16}


@pytest.mark.verilator
def test_one_accelerator_runs_one_network_after_another(tmp_path, write_program):
    settings, hardware = CASES["one weight plane, results wait for the port"]
    networks = [random_network(n, **settings | {"sizes": sizes}) for n, sizes in enumerate([(6, 5, 20), (6, 3)])]
    configuration = replace(compile_network(networks[0], **hardware).configuration, weight_planes=2, **ROOMY)
    programs = [compile_network(network, configuration=configuration) for network in networks]
    folders = [write_program(program, tmp_path / f"{n}") for n, program in enumerate(programs)]
    images = np.random.default_rng(2).integers(0, 8, (6, 6))
    beats, expected = [], []
    for n in (0, 1, 0):
        accelerator = read_accelerator(folders[n])
        beats += [accelerator.program, accelerator.input_words(images)]
        with Model(folders[n]) as model:
            words = np.concatenate(beats[-2:])[:, np.newaxis]
            run = model.run({"i": words}, {"o": accelerator.output.per_image * len(images)})
        expected.append(run.streams["o"].fields["data"])
    with Model(folders[0]) as model:
        together = model.run({"i": np.concatenate(beats)[:, np.newaxis]}, {"o": sum(map(len, expected))})
    assert np.array_equal(together.streams["o"].fields["data"], np.concatenate(expected))


@pytest.mark.verilator
def test_converters_of_several_widths(tmp_path, write_program):
    one, other = (
        random_linear_network(Random(n), sizes=sizes, tile_rows=6, adc_bits=bits)
        for n, sizes, bits in ((3, (9, 6), 2), (4, (6, 5), 4))
    )
    mixed = chain_of(one, other)
    images = np.random.default_rng(1).integers(0, 8, (40, 9))
    program = compile_network(mixed, rows=6, columns=8, lanes=4)
    assert (program.configuration.converter, program.configuration.adc_bits) == ("ladder", 4)
    result = verify(write_program(program, tmp_path / "hw"), images)
    assert result.mismatches == 0 and result.first is None


@pytest.mark.verilator
def test_a_baked_program_needs_no_loading(tmp_path, write_program):
    network, _, images = make_case("one weight plane, results wait for the port")
    program = compile_network(network, baked=True, **CASES["one weight plane, results wait for the port"][1])
    assert program.data == b""
    result = verify(write_program(program, tmp_path / "hw"), images)
    assert result.mismatches == 0
    assert [cycles for _, cycles in result.spans] == [program.timing.cycles(count) for count, _ in result.spans]


@pytest.mark.parametrize("name", CASES)
def test_timing_of_batches_is_that_of_the_whole(name):
    _, program, _ = make_case(name)
    timing, frames = program.timing, program.configuration.frames
    assert timing.cycles(frames) == timing.batch_cycles(frames)
    assert timing.cycles(3 * frames) <= 3 * timing.batch_cycles(frames)


@pytest.mark.parametrize("name", CASES)
def test_cycles_that_repeat_are_those_of_every_batch(name):
    """What is added without a replay once the state repeats is what a replay of all batches counts."""
    _, program, _ = make_case(name)
    timing = program.timing
    for images in (1, 9, 40, 41):
        replay = Replay(timing)
        for count in timing.batches(images):
            replay.batch(count)
        assert timing.cycles(images) == replay.output + 1


def test_the_same_network_gives_the_same_bytes():
    one, two = (make_case("two macros")[1] for _ in range(2))
    assert one.data == two.data and one.description() == two.description()
    assert design_files(one.accelerator(), "accelerator") == design_files(two.accelerator(), "accelerator")


def refused(message: str):
    return pytest.raises(InvalidInput, match=f"^{re.escape(message.removeprefix(chr(94)))}$")


def test_a_network_must_fit_the_accelerator_that_is_there():
    _, program, _ = make_case("one tile stays in the macro")
    roomy = replace(program.configuration, **ROOMY)
    large = random_linear_network(Random(3), sizes=(6, 5, 5), tile_rows=6, row_sums=False)
    with refused("^Parameter feature_words of accelerator must be at least 2 for network 'random', not 1"):
        compile_network(large, configuration=roomy)
    with refused("^Parameter weight_tiles of accelerator must be at least 2 for network 'random', not 1"):
        compile_network(large, configuration=replace(roomy, feature_words=2))
    with_adc = random_linear_network(Random(3), sizes=(6, 5), tile_rows=6, adc_bits=2)
    with refused("^Converter of a network with a 2-bit ADC must not be exact"):
        compile_network(with_adc, configuration=roomy)


def chain_of(first: Network, second: Network) -> Network:
    """Both networks one after the other: the second reads what the first gives, without its argmax."""
    last = first.nodes[-2]
    assert isinstance(last, Dequantize)
    last = replace(last, format=second.input.format)

    def renamed(node):
        inputs = tuple(last.name if name == second.input.name else f"second {name}" for name in node.inputs)
        return replace(node, name=f"second {node.name}", inputs=inputs)

    return Network("mixed", (*first.nodes[:-2], last, *(renamed(node) for node in second.nodes[1:])))


def test_converters_must_suit_the_network():
    exact = random_linear_network(Random(3), sizes=(6, 5), tile_rows=6)
    with refused("^Converter of a network with exact sums must be exact, not ladder"):
        compile_network(exact, rows=6, columns=5, lanes=4, converter="ladder")
    adc = random_linear_network(Random(3), sizes=(6, 5), tile_rows=6, adc_bits=2)
    with refused("^Converter of a network with a 2-bit ADC must not be exact"):
        compile_network(adc, rows=6, columns=5, lanes=4, converter="exact")
    one = random_linear_network(Random(3), sizes=(6, 6), tile_rows=6, adc_bits=2)
    other = random_linear_network(Random(4), sizes=(6, 5), tile_rows=6, adc_bits=3)
    assert compile_network(chain_of(one, other), rows=6, columns=5, lanes=4).configuration.adc_bits == 3
    uneven = random_linear_network(Random(3), sizes=(12, 9), tile_rows=12, adc_bits=3, uniform=False)
    with refused("^Converter must be ladder, as no multiplication equals these thresholds"):
        compile_network(uneven, rows=12, columns=9, lanes=4, converter="multiply-shift")
