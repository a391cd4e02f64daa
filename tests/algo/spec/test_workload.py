"""Products of a Network, counted against what execution would do."""

from quadrille.algo.spec import (
    Argmax,
    Conv2d,
    Dequantize,
    Flatten,
    Input,
    IntFormat,
    IntTensor,
    Linear,
    Network,
    Window,
    layer_workloads,
)
from quadrille.algo.spec.mac_schemes import Plain
from quadrille.algo.spec.precision import MacMode, Operand
from quadrille.algo.spec.spatio_temporal import SpatioTemporal


def filled(shape: tuple[int, ...], value: int, kind: str = "int8") -> IntTensor:
    count = 1
    for size in shape:
        count *= size
    return IntTensor.of([value] * count, shape, kind)


NETWORK = Network(
    "small",
    (
        Input(name="image", shape=(4, 5, 6), format=IntFormat(8)),
        Conv2d(
            name="conv_codes",
            inputs=("image",),
            weight=filled((6, 2, 3, 3), -1),
            weight_bits=4,
            cell_bits=4,
            tile_rows=(18,),
            window=Window((3, 3), (2, 1), (1, 0), 2),
        ),
        Dequantize(
            name="conv",
            inputs=("conv_codes",),
            mantissa=filled((1, 1, 6), 3),
            bias=filled((6,), 0, "int64"),
            shift=4,
            format=IntFormat(3),
        ),
        Flatten(name="flat", inputs=("conv",)),
        Linear(
            name="output_codes",
            inputs=("flat",),
            weight=filled((2, 72), 1),
            weight_bits=1,
            cell_bits=1,
            tile_rows=(72,),
        ),
        Dequantize(
            name="output",
            inputs=("output_codes",),
            mantissa=filled((1, 1, 2), 1),
            bias=filled((2,), 0, "int64"),
            shift=0,
            format=IntFormat(16, signed=True),
        ),
        Argmax(name="class", inputs=("output",)),
    ),
)


def test_products_are_counted_with_their_bits() -> None:
    convolution, output = layer_workloads(NETWORK)
    # 3 x 4 windows of 6 outputs, each of the 2 channels of its group times 9.
    assert (convolution.name, convolution.products, convolution.weights) == ("conv", 3 * 4 * 6 * 18, 6 * 18)
    assert (convolution.weight_bits, convolution.activation_bits, convolution.bit_products) == (4, 8, 1296 * 32)
    assert (output.name, output.products, output.weights, output.bit_products) == ("output", 144, 144, 144 * 3)
    assert convolution.mode == MacMode(Operand(4, signed=True), Operand(8))


def test_cycles_of_a_unit_are_its_scheme_s() -> None:
    convolution, output = layer_workloads(NETWORK)
    # Two elements of 4 x 8 bits in 4 cycles; four of 1 x 3 bits in 3.
    assert convolution.unit_cycles(SpatioTemporal()) == 1296 // 2 * 4
    assert output.unit_cycles(SpatioTemporal()) == 144 // 4 * 3
    assert convolution.unit_cycles(Plain(16)) == 1296
