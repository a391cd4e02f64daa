"""The burst wrapper: what goes in comes out in order, and blocks it cannot wrap are refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cocotb
import pytest

from quadrille.algo.spec import InvalidInput
from quadrille.tb.burst import Burst, write_burst
from quadrille.tb.manifest import Manifest
from quadrille.tb.runner import build, simulate
from quadrille.tb.testbench import Testbench

# Two beats a word; each beat comes out doubled, so that a burst of n words ends after n of its 2n results.
BURST = Burst("i", "o", beats=2)


@pytest.mark.verilator
def test_a_burst_passes_through_the_block(doubler: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("DOUBLER", str(doubler))
    wrapped = write_burst(Manifest.read(doubler), tmp_path / "burst", BURST)
    (outcome,) = simulate(build(wrapped), "test_burst", seed=1, folder=tmp_path / "run")
    assert outcome.reason is None


@cocotb.test()
async def plays_a_burst(dut: Any) -> None:
    block = Manifest.read(os.environ["DOUBLER"])
    bench = Testbench(dut)
    dut.burst__start.value = 0
    dut.burst__words.value = 10
    await bench.reset()
    source, sink = block.streams["i"], block.streams["o"]
    for _ in range(2):
        beats = [{"value": [bench.random.randint(-32, 31) for _ in range(3)], "tag": n % 4} for n in range(20)]
        pairs = zip(beats[::2], beats[1::2], strict=True)
        words = [source.pack(first) | source.pack(second) << source.width for first, second in pairs]
        dut.fed.value = BURST.text(block, words)
        dut.burst__start.value = 1
        await dut.burst__done.rising_edge
        text = dut.kept.value
        digits = -(-sink.width // 4)
        for n, beat in enumerate(beats[:10]):
            got = sink.unpack(int(text[n * digits : (n + 1) * digits], 16))
            assert got == {"value": [2 * value for value in beat["value"]], "tag": beat["tag"]}
        await bench.run(30)
        dut.burst__start.value = 0
        await bench.run(3)


@pytest.mark.parametrize(
    ("burst", "message"),
    [
        (Burst("o", "o", 1), "^Burst must feed an input stream with payload, valid and ready, not 'o'$"),
        (Burst("i", "i", 1), "^Burst must take an output stream with payload and valid, not 'i'$"),
        (Burst("i", "none", 1), "^Burst must take an output stream with payload and valid, not 'none'$"),
    ],
)
def test_what_cannot_be_wrapped_is_refused(doubler: Path, tmp_path: Path, burst: Burst, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        write_burst(Manifest.read(doubler), tmp_path, burst)


def test_a_testbench_needs_a_clock(block_writer: Callable[..., Path], tmp_path: Path) -> None:
    manifest = Manifest.read(block_writer(tmp_path, clock=None))
    with pytest.raises(InvalidInput, match="^Block doubler must have a clock to be tested by streams$"):
        Testbench(object(), manifest)
