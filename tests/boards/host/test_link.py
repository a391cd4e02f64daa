"""The host's side of the frames: no word is lost or doubled, whatever the line does; and what cannot be mended."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.spec import InvalidInput, MissingTool
from quadrille.algo.spec.serial_frames import Code, Kind
from quadrille.boards.host import Accelerator, LinkFailed
from quadrille.boards.host.lines import SerialPort, parse_address
from quadrille.boards.host.link import Link
from quadrille.boards.host.simulated import FaultyLine


def begun(line: Any, reset: int = 0x28) -> Link:
    link = Link(line, "here")
    link.begin()
    link.restart(reset, 1)
    return link


def check(link: Link, count: int, seed: int = 1) -> None:
    words = np.random.default_rng(seed).integers(0, 1 << 64, count, np.uint64)
    got, last = link.exchange(words, count)
    assert np.array_equal(got, ~words)
    assert np.array_equal(last, words % np.uint64(3) == 0)


@pytest.mark.parametrize(("depth", "pace"), [(32, 0), (32, 1), (64, 7), (256, 100)])
def test_words_of_many_lengths(device: type, depth: int, pace: int) -> None:
    link = begun(device(depth, pace or 5))
    for count in (1, 31, 32, 33, 1000, 0):
        check(link, count)
    assert link.traffic.clean and link.traffic.silences == 0


def test_positions_go_round(device: type) -> None:
    link = begun(device(256, 100))
    for _ in range(3):
        check(link, 40_000)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(0, 1 << 30), st.sampled_from([0.0003, 0.003, 0.01]), st.sampled_from([(32, 5), (64, 1), (256, 50)]))
def test_faults_cost_time_alone(device: type, seed: int, faults: float, size: tuple[int, int]) -> None:
    inner = device(*size)
    line = FaultyLine(inner, faults, seed)
    line.patience = 1e9
    link = begun(line)
    check(link, 300, seed)
    for value in range(5):
        link.request(Kind.WRITE, 4, value)
        assert link.request(Kind.READ, 4) == value
    line.faults = 0.0
    check(link, 50, seed)
    # One restart and five values: each was written once, however often it was asked for.
    assert inner.writes == 6
    assert link.traffic.clean or line.count


@pytest.mark.parametrize("fates", [(2,), (1, 2), (1, 1, 0), (2, 1, 0, 1, 3)])
def test_whole_frames_are_lost_and_doubled(device: type, fates: tuple[int, ...]) -> None:
    """Each frame comes as often as the next of `fates` says, in both directions."""
    inner = device(64, 7)
    turn = itertools.cycle([*fates, *fates[1:]])

    class Line(device):
        patience = 1.0

        def write(self, data: bytes) -> None:
            inner.write(data * next(turn))

        def read(self, seconds: float) -> bytes:
            return b"".join(frame * next(turn) for frame in re.findall(rb"~[^~]+~", inner.read(seconds)))

    link = begun(Line())
    check(link, 700)
    for value in range(5):
        link.request(Kind.WRITE, 4, value)
        assert link.request(Kind.READ, 4) == value
    assert inner.writes == 6 and not link.traffic.clean


def test_faults_are_counted(device: type) -> None:
    line = FaultyLine(device(64, 5), 0.002, 3)
    link = begun(line)
    check(link, 2000)
    traffic = link.traffic
    assert traffic.repeated and traffic.damaged and traffic.missed and traffic.refused[Code.CHECKSUM]
    assert traffic.frames_received < traffic.frames_sent + traffic.missed + 2000
    assert not traffic.clean


def failing(message: str):
    return pytest.raises(LinkFailed, match=f"^{re.escape(message)}$")


def test_silence_is_an_error(device: type) -> None:
    class Mute(device):
        def read(self, seconds: float) -> bytes:
            return b""

    with failing("Accelerator at here does not answer: is it on, and at this rate?"):
        Link(Mute(), "here").begin()


def test_noise_is_as_good_as_silence(device: type) -> None:
    class Noise(device):
        def read(self, seconds: float) -> bytes:
            return b"\x00~\x55" * 50

    with failing("Accelerator at here does not answer: is it on, and at this rate?"):
        Link(Noise(), "here").begin()


def test_an_accelerator_that_falls_silent(device: type) -> None:
    inner = device()
    link = begun(inner)
    inner.read = lambda seconds: b""
    with failing("Accelerator at here does not answer any more"):
        check(link, 10)


def test_an_accelerator_that_is_reset(device: type) -> None:
    inner = device()
    link = begun(inner)
    check(link, 100)
    inner.restart()
    with failing("Accelerator at here was reset while it was running"):
        check(link, 100)


def test_a_session_before_leaves_nothing_behind(device: type) -> None:
    inner = device()
    link = begun(inner)
    with pytest.raises(LinkFailed):
        link.exchange(np.arange(50, dtype=np.uint64), 60)
    inner.restart()
    inner.answered = (1, b"\x07" + bytes(4))  # the number with which another one begins
    inner.waiting = [bytes(8)] * 9
    link.restart(0x28, 1)
    check(link, 100)
    check(begun(inner), 100)


def test_results_that_do_not_come_and_that_nobody_asked_for(device: type) -> None:
    link = begun(device())
    with failing("Accelerator at here must give 5 words of results, and gave 3"):
        link.exchange(np.zeros(3, np.uint64), 5)
    link.restart(0x28, 1)
    with failing("Accelerator at here must give 2 words of results, and gave more"):
        link.exchange(np.zeros(3, np.uint64), 2)


def test_a_register_that_is_not_there(device: type) -> None:
    with failing("Accelerator at here must have a register at 0x2c, and has none"):
        begun(device()).request(Kind.READ, 0x2C)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("digits", "^Address of an accelerator must be serial:PORT, sim:FOLDER, or either with ?option=value, not 'di"),
        (
            "sim:",
            "^Address of an accelerator must be serial:PORT, sim:FOLDER, or either with ?option=value, not 'sim:'",
        ),
        ("usb:0", "^Address of an accelerator must be serial:PORT, sim:FOLDER, or either with ?option=value, not 'usb"),
        ("serial:x?rate=9600", "^Option of serial: must be one of baud, not 'rate'"),
        ("sim:x?baud=9600", "^Option of sim: must be one of faults, seed, not 'baud'"),
        ("serial:x?baud=fast", "^Option baud must be a number from 50 to 5e+07, not 'fast'"),
        ("sim:x?faults=1", "^Option faults must be a number from 0 to 0.5, not '1'"),
        ("serial:/dev/null/none", "^Serial port /dev/null/none must be one that can be opened, and is not: "),
        ("sim:nowhere", "^Design must be a folder that was exported, not nowhere"),
    ],
)
def test_addresses_that_are_none(address: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{re.escape(message.removeprefix('^'))}"):
        Accelerator.open(address)


def test_parts_of_an_address() -> None:
    assert parse_address("serial:/dev/ttyUSB0?baud=9600") == ("serial", "/dev/ttyUSB0", {"baud": "9600"})


def test_pyserial_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "serial", None)
    with pytest.raises(MissingTool, match=r"^Python package pyserial must be installed for a serial line: pip install"):
        Accelerator.open("serial:/dev/ttyUSB0")


def test_a_port_that_goes_and_comes_back(device: type, port: type, tmp_path: Path) -> None:
    path = tmp_path / "port"
    cable = port(device(64, 20), path)
    link = begun(SerialPort(str(path), 1_000_000))
    check(link, 500)
    cable.pull()
    with pytest.raises(LinkFailed, match=f"^Serial port {path} has gone: "):
        check(link, 500)
    link.line.close()
    cable = port(device(64, 20), path)
    link = begun(SerialPort(str(path), 1_000_000))
    check(link, 500)
    link.line.close()
    cable.pull()


def test_a_port_that_goes_in_mid_run(device: type, port: type, tmp_path: Path) -> None:
    path = tmp_path / "port"
    cable = port(device(64, 20), path, cut=3000)
    link = begun(SerialPort(str(path), 1_000_000))
    with pytest.raises(LinkFailed, match=f"^Serial port {path} has gone: "):
        check(link, 5000)
    link.line.close()
    cable.pull()
