"""The driver: what goes in comes out, in every field, under stalls and resets; what breaks a rule is found."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.sim.model import Model, SimulationFault, Stall
from quadrille.sim.payload import pack, pack_bits, unpack_bits

pytestmark = pytest.mark.verilator
RANDOM = np.random.default_rng(7)


def beats(count: int) -> dict[str, Any]:
    """Random beats, the ends of every format first."""
    values = {
        "small": RANDOM.integers(-4, 4, count),
        "lanes": RANDOM.integers(-64, 64, (count, 9)),
        "word": pack_bits(RANDOM.integers(0, 2, (count, 150))),
        "pairs.low": RANDOM.integers(0, 2, (count, 3)),
        "pairs.high": RANDOM.integers(-(1 << 39), 1 << 39, (count, 3)),
        "long": RANDOM.integers(-(1 << 63), (1 << 63) - 1, count, endpoint=True),
        "full": RANDOM.integers(0, (1 << 64) - 1, count, dtype=np.uint64, endpoint=True),
        "odd": RANDOM.integers(0, 1 << 33, count),
    }
    for name, low, high in (("small", -4, 3), ("lanes", -64, 63), ("long", -(1 << 63), (1 << 63) - 1)):
        values[name][0], values[name][1] = low, high
    values["pairs.high"][:2] = [[-(1 << 39)] * 3, [(1 << 39) - 1] * 3]
    values["full"][:2] = [0, (1 << 64) - 1]
    values["odd"][:2] = [0, (1 << 33) - 1]
    return values


@pytest.fixture(scope="module")
def model(sampler: Path) -> Iterator[Model]:
    with Model(sampler) as model:
        yield model


@pytest.fixture(scope="module")
def breaker(faulty: Path) -> Iterator[Model]:
    with Model(faulty) as model:
        yield model


CONDITIONS = [
    {},
    {"check": True},
    {"stall": Stall(0.4, seed=1)},
    {"stall": Stall({"o": 0.9}, seed=2)},
    {"stall": Stall({"i": 0.9}, seed=3)},
    {"reset_at": 17},
    {"reset_at": 40, "stall": Stall(0.3, seed=4)},
]


@pytest.mark.parametrize("conditions", CONDITIONS, ids=str)
def test_every_field_passes(model: Model, conditions: dict[str, Any]) -> None:
    stimulus = beats(50)
    run = model.run({"i": stimulus}, {"o": 50, "o_tap": 50}, pins={"offset": -3}, **conditions)
    for name, values in stimulus.items():
        np.testing.assert_array_equal(run.streams["o"].fields[name], values, err_msg=name)
    np.testing.assert_array_equal(run.streams["o_tap"].fields["payload"], stimulus["small"] - 3)


def test_without_stalls_nothing_waits(model: Model) -> None:
    run = model.run({"i": beats(20)}, {"o": 20, "o_tap": 20})
    np.testing.assert_array_equal(run.input_cycles["i"], np.arange(20))
    np.testing.assert_array_equal(run.streams["o_tap"].cycles, np.arange(1, 21))
    np.testing.assert_array_equal(run.streams["o"].cycles, np.arange(20) + run.streams["o"].cycles[0])
    assert run.total_cycles == run.streams["o"].cycles[-1] + 1
    assert run.streams["o"].surplus == 0


def test_stalls_are_random_and_repeatable(model: Model) -> None:
    def cycles(seed: int) -> list[int]:
        stimulus = {"i": beats(40)}
        return model.run(stimulus, {"o": 40}, stall=Stall(0.5, seed=seed)).streams["o"].cycles.tolist()

    assert cycles(1) == cycles(1) != cycles(2)
    assert cycles(1)[-1] > 60


def test_fields_come_in_the_smallest_integers(model: Model) -> None:
    fields = model.run({"i": beats(3)}, {"o": 3}).streams["o"].fields
    kinds = {name: (array.dtype.name, array.shape) for name, array in fields.items()}
    assert kinds == {
        "small": ("int32", (3,)),
        "lanes": ("int32", (3, 9)),
        "word": ("uint64", (3, 3)),
        "pairs.low": ("int32", (3, 3)),
        "pairs.high": ("int64", (3, 3)),
        "long": ("int64", (3,)),
        "full": ("uint64", (3,)),
        "odd": ("int64", (3,)),
    }


def test_packed_payloads_are_taken(model: Model) -> None:
    stimulus = beats(5)
    words = pack(model.manifest.input("i"), stimulus)
    assert words.shape == (5, -(-(3 + 63 + 150 + 123 + 64 + 64 + 33) // 64))
    run = model.run({"i": words}, {"o": 5})
    np.testing.assert_array_equal(run.streams["o"].fields["lanes"], stimulus["lanes"])


def test_a_run_can_go_on_from_the_last(model: Model) -> None:
    model.run({"i": beats(4)}, {"o": 1, "o_tap": 4}, max_cycles=100)
    assert model.run({}, {}).pins["held"] == 0
    held = model.run({"i": beats(6)}, {"o_tap": 3}, stall=Stall({"o": 0.999999})).pins["held"]
    assert 0 < held <= 4
    assert len(model.run({}, {"o": held}, reset=False).streams["o"].cycles) == held


def test_beats_beyond_the_expected_are_counted(model: Model) -> None:
    run = model.run({"i": beats(10)}, {"o": 10, "o_tap": 4})
    assert run.streams["o_tap"].surplus == 6


def test_a_design_without_clock_runs(doubler: Path) -> None:
    values = np.arange(-128, 128)
    with Model(doubler) as model:
        for stall in (None, Stall(0.5)):
            run = model.run({"i": {"payload": values}}, {"o": 256}, stall=stall)
            np.testing.assert_array_equal(run.streams["o"].fields["payload"], 2 * values)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (1, r"^Stream o withdrew valid before the beat was taken, at cycle \d+$"),
        (2, r"^Stream o changed its payload before the beat was taken, at cycle \d+$"),
    ],
)
def test_broken_stream_rules_are_found(breaker: Model, fault: int, message: str) -> None:
    stimulus = {"i": {"payload": np.full(200, 77)}}
    with pytest.raises(SimulationFault, match=message):
        breaker.run(stimulus, {"o": 200}, stall=Stall(0.5), pins={"fault": fault})
    breaker.run(stimulus, {"o": 200}, stall=Stall(0.5))


def test_a_short_stream_is_named(breaker: Model) -> None:
    stimulus = {"i": {"payload": np.arange(10)}}
    with pytest.raises(SimulationFault, match=r"^Stream o delivered 5 of 10 beats after 300 cycles, the limit$"):
        breaker.run(stimulus, {"o": 10}, pins={"fault": 3}, max_cycles=300)
    message = r"^Stream o delivered 5 of 10 beats at cycle \d+ after 50 cycles without a transfer$"
    with pytest.raises(SimulationFault, match=message):
        breaker.run(stimulus, {"o": 10}, pins={"fault": 3}, idle_cycles=50)


def replaced(name: str, values: Any) -> dict[str, Any]:
    return beats(4) | {name: values}


@pytest.mark.parametrize(
    ("stimulus", "message"),
    [
        (replaced("small", [0, 4, 0, 0]), r"^Stream i, field small: values must fit s3, not 4$"),
        (replaced("small", [0, -5, 0, 0]), r"^Stream i, field small: values must fit s3, not -5$"),
        (replaced("odd", [0, -1, 0, 0]), r"^Stream i, field odd: values must fit u33, not -1$"),
        (replaced("full", [0, -1, 0, 0]), r"^Stream i, field full: values must fit u64, not -1$"),
        (replaced("small", [0.5] * 4), r"^Stream i, field small: values must be integers, not float64$"),
        (replaced("small", [[0, 1]] * 4), r"^Stream i, field small: values must have shape \[n\], not \[4, 2\]$"),
        (replaced("lanes", [0] * 4), r"^Stream i, field lanes: values must have shape \[n, 9\], not \[4\]$"),
        (replaced("word", np.full((4, 3), 1 << 40)), r"^Stream i, field word: words must fit u150$"),
        (replaced("odd", [0, 0, 0]), r"^Stream i, field odd: must have as many beats as field small, 4, not 3$"),
        (replaced("even", [0] * 4), r"^Stream i: field must be one of small, lanes, word, .*, not 'even'$"),
        ({"small": [0]}, r"^Stream i: field lanes must be given, and is not$"),
        (
            np.zeros((4, 3), np.uint64),
            r"^Stream i: packed payloads must be uint64 of shape \[n, 8\], not uint64 of shape \[4, 3\]$",
        ),
        (np.full((4, 8), (1 << 64) - 1, np.uint64), r"^Stream i: packed payloads must fit 500 bits$"),
    ],
)
def test_stimulus_is_checked(model: Model, stimulus: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        model.run({"i": stimulus}, {"o": 4})


def test_requests_are_checked(model: Model, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"inputs": {"j": beats(2)}}, r"^Input stream of sampler must be one of i, not 'j'$"),
        ({"outputs": {"i": 1}}, r"^Output stream of sampler must be one of o, o_tap, not 'i'$"),
        ({"outputs": {"o": -1}}, r"^Expected beats of stream o must be 0 or more, not -1$"),
        ({"pins": {"offset": 8}}, r"^Pin offset must fit s4, not 8$"),
        ({"pins": {"held": 1}}, r"^Input pin must be one of offset, not 'held'$"),
        ({"wave": tmp_path / "a.vcd"}, r"^Waveforms need a model built with trace, and this one is not$"),
    ]
    for changes, message in cases:
        request: dict[str, Any] = {"inputs": {}, "outputs": {}} | changes
        with pytest.raises(InvalidInput, match=message):
            model.run(**request)
    for probability in (1.0, -0.1, {"o": 2}):
        with pytest.raises(InvalidInput, match=r"^Stall probability must be from 0 to less than 1, not "):
            Stall(probability)


def test_waveforms_are_written(sampler: Path, tmp_path: Path) -> None:
    with Model(sampler, trace=True) as model:
        wave = tmp_path / "run.vcd"
        run = model.run({"i": beats(6)}, {"o": 6}, wave=wave)
        text = wave.read_text()
        assert "$timescale" in text and "i__payload" in text
        # Two dumps a cycle, five nanoseconds apart, two cycles of reset before the first.
        assert f"#{(run.total_cycles + 2) * 10 - 5}" in text
        model.run({"i": beats(6)}, {"o": 6}, wave=wave, wave_from=3)
        times = [int(line[1:]) for line in wave.read_text().splitlines() if line.startswith("#")]
        # The model's time has gone on from the first run.
        assert times[0] == (run.total_cycles + 2) * 10 + 50
        with pytest.raises(InvalidInput, match=r"^Waveform file of this model must end in \.vcd, not 'a\.fst'$"):
            model.run({}, {}, wave=tmp_path / "a.fst")
        with pytest.raises(InvalidInput, match=r"^Waveform must be in a folder that exists, not .*none/a\.vcd$"):
            model.run({}, {}, wave=tmp_path / "none" / "a.vcd")


def test_bits_are_packed() -> None:
    bits = RANDOM.integers(0, 2, (5, 70))
    words = pack_bits(bits)
    assert words.shape == (5, 2)
    assert int(words[0, 0]) == sum(int(bit) << place for place, bit in enumerate(bits[0, :64]))
    np.testing.assert_array_equal(unpack_bits(words, 70), bits)
    with pytest.raises(InvalidInput, match=r"^Bits must be 0 or 1, not 2$"):
        pack_bits([[0, 2]])


def test_manifests_are_checked(sampler: Path, tmp_path: Path) -> None:
    def changed(**keys: Any) -> Path:
        folder = tmp_path / "changed"
        folder.mkdir(exist_ok=True)
        for path in sampler.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        manifest = json.loads((folder / "sampler.json").read_text()) | keys
        kept = {key: value for key, value in manifest.items() if value is not ...}
        (folder / "sampler.json").write_text(json.dumps(kept))
        return folder

    cases = [
        (tmp_path / "none", r"^Design must be a folder that was exported, not .*none$"),
        (tmp_path, r"^Folder .* must hold one manifest beside its Verilog, not none$"),
        (changed(schema=9), r"^Manifest .*sampler\.json must have schema 1, not 9$"),
    ]
    for folder, message in cases:
        with pytest.raises(InvalidInput, match=message):
            Model(folder)
    with pytest.raises(InvalidInput, match=r"^Manifest .* must be the one that was exported, and is not: key 'top' is"):
        Model(changed(top=...))
    folder = changed()
    (folder / "sampler.v").write_text("module sampler; endmodule")
    with pytest.raises(
        InvalidInput, match=r"^Verilog .* must have the content hash of its manifest, .{12}, not .{12}$"
    ):
        Model(folder)
    (folder / "sampler.json").write_bytes(b"\xff")
    with pytest.raises(InvalidInput, match=r"^Manifest .*sampler\.json must be readable, and is not: "):
        Model(folder)
