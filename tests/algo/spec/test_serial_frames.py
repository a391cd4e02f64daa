"""Frames of the serial link: what is encoded is decoded, and what is damaged is no other frame."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.spec import InvalidInput
from quadrille.algo.spec.serial_frames import ESCAPE, FLAG, FRAME_WORDS, Code, Decoder, Frame, Kind, register_request

payloads = st.binary(max_size=80) | st.lists(st.sampled_from([FLAG, ESCAPE, 0x5D, 0x5E]), max_size=20).map(bytes)
frames = st.builds(Frame, st.integers(0, 255), st.integers(0, 65535), payloads)
PLAIN = settings(derandomize=True, deadline=None)


@PLAIN
@given(st.lists(frames, max_size=4), st.data())
def test_frames_come_back_however_their_bytes_are_cut(sent: list[Frame], data: st.DataObject) -> None:
    line = b"".join(frame.encoded() for frame in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)), max_size=5)))
    decoder = Decoder()
    got = []
    for start, stop in zip([0, *cuts], [*cuts, len(line)], strict=True):
        got += decoder.feed(line[start:stop])
    assert got == sent and decoder.damaged == 0


@PLAIN
@given(frames, frames, st.data())
def test_damage_is_seen_and_ends_with_its_frame(first: Frame, second: Frame, data: st.DataObject) -> None:
    line = first.encoded()
    place = data.draw(st.integers(1, len(line) - 2))
    bit = 1 << data.draw(st.integers(0, 7))
    spoilt = data.draw(
        st.sampled_from(
            [
                line[:place] + bytes([line[place] ^ bit]) + line[place + 1 :],
                line[:place] + line[place + 1 :],
                line[:place] + line[place : place + 1] + line[place:],
                line[:place],
            ]
        )
    )
    assert Decoder().feed(spoilt + second.encoded()) == [second]


def test_a_frame_is_as_it_is_written_down() -> None:
    request = register_request(Kind.WRITE, 0x1234, 0x28, 0x7E, 1)
    assert request.body == bytes.fromhex("02 3412 2800 01 00 7e000000")
    assert request.encoded() == bytes.fromhex("7e 02 3412 2800 01 00 7d5e000000 713deaba 7e")
    assert Frame(Kind.TAKEN, -1).body == bytes.fromhex("04 ffff")


def test_bulk_takes_little_more_than_its_words() -> None:
    data = bytes(range(256))[: 8 * FRAME_WORDS]
    assert len(data) / len(Frame(Kind.DATA, 0, data).encoded()) > 0.95
    results = bytes(range(256)) + bytes(FRAME_WORDS)
    assert 8 * FRAME_WORDS / len(Frame(Kind.RESULTS, 0, results).encoded()) > 0.85


def test_codes_have_names_for_flags() -> None:
    assert [code.name.lower() for code in Code][1:4] == ["checksum", "length", "kind"]


@pytest.mark.parametrize("value", [-1, 1 << 32])
def test_a_value_that_does_not_fit_is_refused(value: int) -> None:
    with pytest.raises(InvalidInput, match=r"^Value of a register must be from 0 to 4294967295, not -?\d+$"):
        register_request(Kind.WRITE, 0, 0, value)
