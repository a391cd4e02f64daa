"""Streams of small components in Amaranth's simulator."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from amaranth.sim import Simulator


def run_streams(
    dut: Any,
    inputs: Mapping[str, Sequence[Any]],
    outputs: Mapping[str, int],
    *,
    seed: int | None = None,
    limit: int = 20_000,
    before: Any = None,
) -> dict[str, list[tuple[int, Any]]]:
    """Feed `inputs` (payloads by stream) and collect `outputs` (beats by stream): lists of (cycle, payload).

    With a `seed` valid and ready are withheld at random, and the stream rules are checked on every output. `before` is
    an async function of the context that runs first. Fails if the beats have not come after `limit` cycles.
    """
    chance = random.Random(seed)
    collected: dict[str, list[tuple[int, Any]]] = {name: [] for name in outputs}
    accepted: dict[str, list[int]] = {name: [] for name in inputs}
    cycle = 0

    def stream(name: str) -> Any:
        at = dut
        for part in name.split("."):
            at = at[int(part)] if part.isdigit() else getattr(at, part)
        return at

    async def bench(ctx: Any) -> None:
        nonlocal cycle
        if before is not None:
            await before(ctx)
        queues = {name: list(beats) for name, beats in inputs.items()}
        waiting: dict[str, Any] = {}
        for cycle in range(limit):
            for name, queue in queues.items():
                port = stream(name)
                offered = bool(queue) and (name in waiting or seed is None or chance.random() < 0.6)
                ctx.set(port.valid, offered)
                if offered:
                    ctx.set(port.payload, queue[0])
                    waiting[name] = True
            for name in outputs:
                port = stream(name)
                if not port.signature.always_ready:
                    ctx.set(port.ready, seed is None or chance.random() < 0.6)
            held: dict[str, Any] = {}
            for name in outputs:
                port = stream(name)
                ready = True if port.signature.always_ready else ctx.get(port.ready)
                if ctx.get(port.valid):
                    if ready:
                        collected[name].append((cycle, ctx.get(port.payload)))
                    else:
                        held[name] = ctx.get(port.payload)
            for name, queue in queues.items():
                port = stream(name)
                ready = True if port.signature.always_ready else ctx.get(port.ready)
                if queue and name in waiting and ready:
                    queue.pop(0)
                    del waiting[name]
                    accepted[name].append(cycle)
            if all(len(collected[name]) >= count for name, count in outputs.items()) and not any(queues.values()):
                return
            await ctx.tick()
            for name, payload in held.items():
                port = stream(name)
                assert ctx.get(port.valid), f"{name}: valid was withdrawn in cycle {cycle}"
                assert ctx.get(port.payload) == payload, f"{name}: the payload changed while waiting in cycle {cycle}"
        raise AssertionError(
            f"after {limit} cycles: { ({n: len(c) for n, c in collected.items()}) } of {dict(outputs)}"
        )

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return collected | {f"accepted {name}": [(c, None) for c in cycles] for name, cycles in accepted.items()}


@pytest.fixture(name="run_streams")
def run_streams_fixture() -> Any:
    """`run_streams` for tests, which cannot import a neighbour."""
    return run_streams
