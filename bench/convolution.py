"""One layer on arrays in PyTorch, one thread: a plain convolution, the columns in one piece, and tile after tile."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

from quadrille.algo.nn import CimConv2d, CimStyle
from quadrille.algo.quant import Quantized

CHANNELS, SIZE, BATCH = 32, 16, 32
ROUNDS = 5


def best(work: Callable[[], object]) -> float:
    """Seconds of processor time of the fastest of a few calls: another program's time is not counted."""
    work()
    times: list[float] = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def trained(result: torch.Tensor) -> None:
    result.sum().backward()


def written_out(layer: CimConv2d, source: Quantized) -> torch.Tensor:
    """The layer with converters, tile after tile and column by column, as the equation has it."""
    weight = layer.weights(layer.matrix)
    scales, adc = layer.scales(weight), layer.adc
    assert adc is not None
    sums = layer.column_sums_by_tile(source.code, weight.integer)
    flat = sums.movedim((4, 5), (1, 2))
    stood = adc(flat.reshape(-1, *layer.columns)).reshape(flat.shape).movedim((1, 2), (4, 5))
    result = (stood * scales.columns[..., None, None]).sum(dim=(1, 2)) * source.step
    assert scales.sums is not None
    offsets = (layer.row_sums(source.code) * scales.sums[..., None, None]).sum(dim=1)
    return result + offsets * source.step


def rows() -> list[tuple[str, str, str]]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layer = CimStyle().convolution(CHANNELS, CHANNELS)
    assert layer.adc is not None
    code = torch.randint(0, 16, (BATCH, CHANNELS, SIZE, SIZE)).float().contiguous(memory_format=torch.channels_last)
    source = Quantized(code.requires_grad_(), torch.tensor(0.1))
    kernel = layer.weight.detach().clone().requires_grad_()
    integer = layer.integers().float()
    plain = best(lambda: trained(F.conv2d(source.code, kernel, None, 1, 1)))
    exact = best(lambda: trained(layer(source)))
    with torch.no_grad():
        pieces = best(lambda: layer.column_sums_by_tile(source.code, integer))
        grouped = best(lambda: layer.column_sums(source.code, integer))
        layer.adc.calibrate(layer.sampled_sums(code))
    layer.adc.frozen.fill_(True)
    converted = best(lambda: trained(layer(source)))
    slow = best(lambda: trained(written_out(layer, source)))
    shape = f"{CHANNELS} to {CHANNELS} channels, {SIZE} x {SIZE}, {len(layer.tile_rows)} tiles"
    return [
        (f"training step, {shape}", f"{1e3 * plain / BATCH:.2f} ms per image, float", ""),
        ("  binary weights, exact sums", f"{exact / plain:.2f} times as long", "1, as far as it goes"),
        ("  binary weights, 5-bit converters", f"{converted / plain:.2f} times as long", ""),
        ("  the same, tile by tile", f"{slow / plain:.2f} times as long", f"{slow / converted:.1f} times the above"),
        ("column sums, one grouped convolution", f"{grouped / pieces:.2f} times the loop over tiles", ""),
    ]


if __name__ == "__main__":
    for row in rows():
        print(f"{row[0]:<60}{row[1]:<34}{row[2]}")
