"""Rounding and the named ways down, against Python's integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quadrille.algo.integer.arithmetic import clamp, integers, round_shift, saturate, truncate, wrap
from quadrille.algo.integer.tensors import array_of, tensor_of
from quadrille.algo.spec import IntFormat, IntTensor, InvalidInput

INT64 = st.integers(-(2**63), 2**63 - 1)
FORMATS = st.builds(IntFormat, st.integers(1, 64), st.booleans())


@given(INT64, st.integers(0, 63))
@settings(derandomize=True, deadline=None)
def test_round_shift_is_exact_for_every_int64(value, amount):
    expected = value if amount == 0 else (value + (1 << (amount - 1))) >> amount
    assert int(round_shift(np.array(value), amount)) == expected
    assert round_shift(np.array([value] * 2), np.array([amount, 0])).tolist() == [expected, value]


def test_half_goes_up():
    assert round_shift(np.arange(-8, 9), 2).tolist() == [-2, -2, -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2]


@given(INT64, FORMATS)
@settings(derandomize=True, deadline=None)
def test_ways_down(value, form):
    interval = form.interval
    expected = min(max(value, interval.lo), interval.hi)
    assert int(saturate(np.array(value), form)) == expected
    assert int(clamp(np.array(value), interval.lo, interval.hi)) == expected
    if form != IntFormat(64):
        modulo = value % (1 << form.bits)
        modulo -= (1 << form.bits) if form.signed and modulo >= 1 << (form.bits - 1) else 0
        assert int(wrap(np.array(value), form)) == modulo
    if value in interval:
        assert int(truncate(np.array(value), form)) == value


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64", "int64"])
def test_integers_of_any_type(dtype):
    array = integers(np.array([1, 2, 3], dtype=dtype), "Codes")
    assert array.dtype == np.int64
    assert array.tolist() == [1, 2, 3]


def test_refusals():
    with pytest.raises(InvalidInput, match=r"^Codes must be integers, not float64$"):
        integers([0.5], "Codes")
    with pytest.raises(InvalidInput, match=r"^Codes must be integers, not bool$"):
        integers([True], "Codes")
    with pytest.raises(InvalidInput, match=r"^Codes must fit 64 bits signed, and 18446744073709551615 does not$"):
        integers(np.array([2**64 - 1], dtype=np.uint64), "Codes")
    with pytest.raises(InvalidInput, match=r"^Shift must be from 0 to 63, not 64$"):
        round_shift(np.arange(3), 64)
    with pytest.raises(InvalidInput, match=r"^Shift must be from 0 to 63, not -1$"):
        round_shift(np.arange(3), np.array([0, -1, 2]))
    with pytest.raises(InvalidInput, match=r"^Truncated values must lie in \[-8, 7\], not in \[-9, 3\]$"):
        truncate(np.array([-9, 3]), IntFormat(4, signed=True))
    with pytest.raises(InvalidInput, match=r"^Wrapped values must fit 64 bits signed, and the format u64 does not$"):
        wrap(np.array([-9, 3]), IntFormat(64))


@pytest.mark.parametrize(("top", "dtype"), [(127, "int8"), (128, "int16"), (2**15, "int32"), (2**31, "int64")])
def test_tensors_of_the_narrowest_type(top, dtype):
    values = np.array([[top, 0, -3]])
    tensor = tensor_of(values)
    assert tensor == IntTensor.of([top, 0, -3], (1, 3), dtype)
    assert array_of(tensor).tolist() == values.tolist()
    assert array_of(tensor_of(values[:, :0])).shape == (1, 0)


def test_tensors_that_cannot_be():
    with pytest.raises(InvalidInput, match=r"^Tensor elements must be integers, not float32$"):
        tensor_of(np.zeros(3, dtype=np.float32))
    with pytest.raises(InvalidInput, match=r"^Tensor elements must fit int8, and one does not$"):
        tensor_of([200], "int8")
    with pytest.raises(InvalidInput, match=r"^Tensor type must be one of int8, int16, int32, int64, not 'uint8'$"):
        tensor_of([200], "uint8")
