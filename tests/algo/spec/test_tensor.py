"""Constant tensors."""

import pytest

from quadrille.algo.spec import Interval, IntTensor, InvalidInput


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64"])
def test_elements(dtype):
    tensor = IntTensor.of(range(-3, 3), (2, 3), dtype)
    assert [tensor.view[i, j] for i in range(2) for j in range(3)] == list(tensor.flat) == list(range(-3, 3))
    assert tensor.interval == Interval(-3, 2)
    assert tensor == IntTensor.of([-3, -2, -1, 0, 1, 2], (2, 3), dtype)
    assert hash(tensor) == hash(IntTensor.of(range(-3, 3), (2, 3), dtype))
    assert tensor.data[: tensor.itemsize] == (-3).to_bytes(tensor.itemsize, "little", signed=True)
    assert repr(tensor) == f"IntTensor(shape=(2, 3), dtype='{dtype}')"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((2,), "float32", b""), r"^Tensor type must be one of int8, int16, int32, int64, not 'float32'$"),
        (((2, 2), "int16", b"123"), r"^Tensor of shape \[2, 2\] and type int16 must have 8 bytes, not 3$"),
        (((-2, -2), "int8", b"1234"), r"^Tensor shape must have no negative size, not \[-2, -2\]$"),
    ],
)
def test_impossible_tensors(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        IntTensor(*arguments)


def test_elements_that_do_not_fit():
    with pytest.raises(InvalidInput, match=r"^Tensor elements must fit int8, and one does not$"):
        IntTensor.of([0, 128], (2,), "int8")
    with pytest.raises(InvalidInput, match=r"^Tensor type must be one of int8, int16, int32, int64, not 'uint8'$"):
        IntTensor.of([0], (1,), "uint8")
    with pytest.raises(TypeError):
        IntTensor.of([0.5], (1,))  # pyright: ignore[reportArgumentType]


def test_no_elements():
    with pytest.raises(InvalidInput, match=r"^Tensor must have elements to be read, not shape \[0, 3\]$"):
        _ = IntTensor((0, 3), "int8", b"").view
