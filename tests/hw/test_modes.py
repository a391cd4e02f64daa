"""Programs of several modes: every integer and every cycle, whatever follows whatever, on the exported Verilog."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from quadrille.algo.spec import Dequantize, Flatten, InvalidInput, Modes, Network
from quadrille.algo.spec.random_mode import draws
from quadrille.hw.engine import Target, compile_network
from quadrille.hw.engine.cut_replay import CutReplay
from quadrille.hw.engine.replay import Replay
from quadrille.hw.engine.timing import Batch
from quadrille.hw.export import design_files
from quadrille.sim.accelerator import read_accelerator
from quadrille.sim.model import Model, Stall
from quadrille.sim.schedule import Schedule
from quadrille.sim.verification import verify
from quadrille.tb.networks import random_linear_network, random_network

Settings = dict[str, Any]

CASES: dict[str, tuple[dict[str, Settings], Settings]] = {
    "weights of 3, 1 and 2 bits, converters of several widths": (
        {
            "3": {"sizes": (20, 19, 6), "weight_bits": 3, "cell_bits": 1, "adc_bits": 3},
            "1": {"sizes": (20, 9, 12, 6), "adc_bits": 4, "row_sums": False},
            "2": {"sizes": (20, 13, 6), "weight_bits": 2, "cell_bits": 2},
        },
        {"rows": 8, "columns": 12, "lanes": 4, "frames": 4},
    ),
    "one weight plane, a mode of one tile, values leave": (
        {
            "large": {"sizes": (6, 7, 9), "weight_bits": 2, "argmax": False, "result_bits": 16, "tile_rows": 4},
            "small": {"sizes": (6, 9), "argmax": False, "result_bits": 16},
        },
        {"rows": 8, "columns": 10, "lanes": 4, "frames": 2, "weight_planes": 1},
    ),
    "one weight plane, values leave, buffers": (
        {
            "large": {"sizes": (6, 7, 9), "argmax": False, "result_bits": 16, "tile_rows": 4},
            "small": {"sizes": (6, 9), "argmax": False, "result_bits": 16},
        },
        {"rows": 8, "columns": 12, "lanes": 4, "frames": 2, "weight_planes": 1, "buffers": 2},
    ),
    "maps of 4 and 2 bits behind images of 8": (
        {
            "4": {"weight_bits": 4, "cell_bits": 4, "activation_bits": 4, "pool": "max"},
            "2": {"weight_bits": 2, "cell_bits": 2, "activation_bits": 2, "pool": "max"},
            "deep": {"channels": (3, 4, 5), "activation_bits": 3, "residual": "projection", "pool": "sum"},
        },
        {"rows": 32, "columns": 32, "lanes": 4, "word": 16, "frames": 1},
    ),
    "maps of 8, 4 and 2 bits on an array of units that change their precision": (
        {
            "8": {"weight_bits": 8, "cell_bits": 8, "activation_bits": 8},
            "4": {"weight_bits": 4, "cell_bits": 4, "activation_bits": 4, "pool": "max"},
            "2": {"weight_bits": 2, "cell_bits": 2, "activation_bits": 2},
        },
        {"engine": "mac", "rows": 32, "columns": 8, "lanes": 4, "frames": 2},
    ),
}

MAPS: Settings = {"shape": (2, 5, 5), "channels": (4, 5), "exact_first": True, "rows": 18}


def modes_of(name: str) -> Modes:
    settings, _ = CASES[name]
    maps = MAPS if name.startswith("maps") else {}
    networks = {
        mode: random_network(len(name) + number, **maps | each) for number, (mode, each) in enumerate(settings.items())
    }
    return Modes("several", networks)


def make_case(name: str, **hardware: Any):
    """The modes, their program, some images."""
    modes = modes_of(name)
    interval = modes.default.input.format.interval
    images = np.random.default_rng(1).integers(interval.lo, interval.hi + 1, (14, *modes.default.input.shape))
    return modes, compile_network(modes, **CASES[name][1] | hardware), images


def every_pair(modes: tuple[str, ...]) -> list[str]:
    """A walk in which every mode follows every mode, itself too."""
    walk, left = [modes[0]], {(a, b) for a in modes for b in modes}
    while left:
        ways = [pair for pair in left if pair[0] == walk[-1]]
        step = max(ways, key=lambda pair: sum(a == pair[1] for a, _ in left)) if ways else min(left)
        walk += [step[1]] if ways else [step[0]]
        left.discard((walk[-2], walk[-1]))
    assert {*pairwise(walk)} == {(a, b) for a in modes for b in modes}
    return walk


def check(program, result) -> None:
    """No integer wrong, and not one cycle more or less than predicted."""
    assert (result.first, result.mismatches) == (None, 0)
    for schedule, (_, cycles) in zip(result.schedules, result.spans, strict=True):
        assert cycles == program.timing.run(Batch(*batch) for batch in schedule.batches())


@pytest.mark.verilator
@pytest.mark.parametrize("name", CASES)
def test_every_integer_and_every_cycle(tmp_path, name, write_program):
    modes, program, images = make_case(name)
    folder = write_program(program, tmp_path / "hw")
    for number, mode in enumerate(modes.names):
        result = verify(folder, images, mode=mode)
        check(program, result)
        assert [cycles for _, cycles in result.spans] == [program.timing.cycles(n, number) for n, _ in result.spans]
    assert verify(folder, images[:3]).schedules[0].modes == (0, 0, 0)

    # A packet between two images changes the mode from any to any.
    walk = every_pair(modes.names)
    result = verify(folder, images[: len(walk)], mode=walk)
    check(program, result)
    shown = {n.name for network in modes.networks.values() for n in network.nodes[1:]}
    assert shown - {*result.nodes} <= {n for n in shown if n.startswith("flat")}

    # The same among random stalls: as many integers, later.
    accelerator = read_accelerator(folder)
    schedule = result.schedules[0]
    words = np.concatenate([accelerator.program, accelerator.input_words(images[: len(walk)], schedule)])
    with Model(folder) as model:
        smooth, stalled = (
            model.run({"i": words[:, np.newaxis]}, accelerator.expected(schedule), stall=stall)
            for stall in (None, Stall(0.5, seed=3))
        )
    for stream, capture in smooth.streams.items():
        for field, values in capture.fields.items():
            assert np.array_equal(values, stalled.streams[stream].fields[field])

    # Drawn from a register, whose state is compared in the end.
    result = verify(folder, images, seed=7)
    check(program, result)
    assert sum((s.modes for s in result.schedules), ()) == draws(7, len(modes.names), len(images))[0]
    assert result.nodes["mode register"].integers == 2 * len(result.schedules)


@pytest.mark.verilator
def test_a_baked_program_changes_modes(tmp_path, write_program):
    modes, program, images = make_case("weights of 3, 1 and 2 bits, converters of several widths", baked=True)
    assert program.data == b""
    folder = write_program(program, tmp_path / "hw")
    check(program, verify(folder, images, mode=[modes.names[n % 3] for n in range(14)]))
    check(program, verify(folder, images, seed=0xACE1, jobs=2))

    # Images before any packet run in the first mode, and those of a whole batch in the mode that its header found.
    accelerator = read_accelerator(folder)
    schedule = Schedule((0,) * 4 + (2,) * 4 + (1,) * 3, 4, {4: Schedule.sequence([2]).packets[0]})
    words = accelerator.input_words(images[:8], replace(schedule, modes=schedule.modes[:8]))
    with Model(folder) as model:
        run = model.run({"i": words[:, np.newaxis]}, {"o": 8})
        assert (run.pins["mode"], run.pins["seed"]) == (2, 1)
    expected = [verify(folder, images, mode=mode).values.tolist() for mode in modes.names]
    assert run.streams["o"].fields["data"].tolist() == expected[0][:4] + expected[2][4:8]

    # With all at rest before each image, nothing is known of its mode, whatever those before were.
    walk = [modes.index(mode) for mode in every_pair(modes.names)]
    answers: list[int] = []
    with Model(folder) as model:
        for number, mode in enumerate(walk):
            words = accelerator.input_words(images[number : number + 1], Schedule.sequence([mode]))
            alone = model.run({"i": words[:, np.newaxis]}, {"o": 1}, reset=number == 0)
            answers += alone.streams["o"].fields["data"].tolist()
    assert answers == [expected[mode][number] for number, mode in enumerate(walk)]


@pytest.mark.parametrize("name", CASES)
def test_cycles_that_repeat_are_those_of_every_batch(name):
    """What is added without a replay is what a replay of all batches counts."""
    _, program, _ = make_case(name)
    timing = program.timing
    draw, every = Random(1), range(len(timing.modes))
    kind = CutReplay if timing.buffers else Replay
    replay = kind(timing)
    batches = [Batch(draw.choice((1, timing.frames)), draw.choice(every), int(n == 0)) for n in range(99)]
    for batch in batches:
        replay.batch(batch.images, batch.mode, batch.packets)
    assert timing.run(batches) == replay.output + 1
    for mode in range(len(timing.modes)):
        for images in (1, 9, 30):
            replay = kind(timing)
            for number, count in enumerate(timing.batches(images)):
                replay.batch(count, mode, int(number == 0))
            assert timing.cycles(images, mode) == replay.output + 1


@pytest.mark.parametrize("name", CASES)
def test_a_change_of_mode_costs_nothing(name):
    """Batches in one mode after the other take together just as long as each among its like."""
    _, program, _ = make_case(name)
    timing, modes = program.timing, range(len(program.modes.names))

    def more(batches: list[Batch]) -> int:
        """Cycles that 20 more rounds of `batches` take."""
        return timing.run(batches * 40) - timing.run(batches * 20)

    alike = [more([Batch(timing.frames, mode)]) for mode in modes]
    assert more([Batch(timing.frames, mode, packets=1) for mode in modes]) == sum(alike)


def test_equal_tiles_stand_once():
    network = random_linear_network(Random(3), sizes=(20, 19, 6), tile_rows=8)
    nodes = tuple(replace(n, shift=n.shift + 1) if isinstance(n, Dequantize) else n for n in network.nodes)
    alone = compile_network(network, rows=8, columns=8, lanes=4)
    both = compile_network(Modes("two", {"a": network, "b": replace(network, nodes=nodes)}), rows=8, columns=8, lanes=4)
    assert both.instructions == 2 * alone.instructions == both.configuration.weight_tiles
    assert both.configuration.weight_rows == alone.configuration.weight_rows == len(both.images[Target.WEIGHTS])
    places = both.weights.strips
    assert places[: alone.instructions] == places[alone.instructions :] == alone.weights.strips
    assert both.configuration.table_rows == 2 * alone.configuration.table_rows


def test_the_same_modes_give_the_same_bytes():
    one, two = (make_case("maps of 4 and 2 bits behind images of 8")[1] for _ in range(2))
    assert one.data == two.data and one.description() == two.description()
    assert design_files(one.accelerator(), "accelerator") == design_files(two.accelerator(), "accelerator")


def refused(message: str):
    return pytest.raises(InvalidInput, match=f"^{re.escape(message.removeprefix(chr(94)))}$")


def test_modes_that_do_not_fit():
    modes, program, _ = make_case("one weight plane, a mode of one tile, values leave")
    with refused("^Parameter modes of accelerator must be at least 2 for network 'random', not 1"):
        compile_network(modes, configuration=replace(program.configuration, modes=1))
    rows = program.configuration.weight_rows
    with refused(f"^Parameter weight_rows of accelerator must be at least {rows} for network 'random', not {rows - 1}"):
        compile_network(modes, configuration=replace(program.configuration, weight_rows=rows - 1))
    maps = random_network(1, shape=(2, 5, 5), channels=(4,), rows=18, row_sums=False)
    vectors = random_network(1, sizes=(50, 5), activation_bits=4, result_bits=12, row_sums=False, tile_rows=18)
    read = tuple(replace(n, inputs=tuple({"image": "flat"}.get(i, i) for i in n.inputs)) for n in vectors.nodes[1:])
    flat = Network("flat", (maps.input, Flatten(name="flat", inputs=("image",)), *read))
    with refused("^Mode 'b' of network 'two' must read its images as mode 'a' does, as maps, not as vectors"):
        compile_network(Modes("two", {"a": maps, "b": flat}), rows=18, columns=8, lanes=4)
