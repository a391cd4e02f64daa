"""The spatio-temporal unit: bit-serial sub-units tiled in space, one shift-add for a whole group of units."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed

from quadrille.algo.spec.precision import WORD_BITS
from quadrille.algo.spec.spatio_temporal import CHUNK_BITS, SUB_UNITS
from quadrille.hw.base.compress import counted, popcount
from quadrille.hw.base.transpose import transpose

from .decode import CHUNKED, Arrangement, Counted, decode_chunks, either, last_pass, spread_bits, spread_chunks
from .shell import Beat, MacUnit, Pass, delayed

__all__ = ["SpatioTemporalMac"]


class SpatioTemporalMac(MacUnit):
    """Dot products at any precision from 1 to 16 bits, chosen for either operand anew with every dot product.

    `sum = sum_k a[k] * b[k]` over all elements of the beats from `first` to `last`, exact. A beat holds `units` words
    of four 4-bit chunks of each operand and takes the cycles of SpatioTemporal: in each cycle every sub-unit multiplies
    a chunk of a by one bit of a chunk of b, and the sub-units k of all units are summed first,
    `c[k] = sum_u a[u,k] * bit(b[u,k])`. What the chunks' places multiply by is done once for all units:
    `C = 2*C + sum_k c[k] << shifts[k]`, the counts with the most significant bit of a signed b subtracted; then
    `sum += C`. A chunk of a stays with its sub-unit in all passes of a beat, so that the bits of b go on from one chunk
    to the next.
    Source: Fu et al., 2-in-1 Accelerator (MICRO 2021) for tiling and group shift-add, [INFERRED] for the structure.

    Parameters
    ----------
    units : units that share the shift-add
    accumulator_bits : width of the signed sum; it must hold every dot product of its user

    Members
    -------
    i : stream of `operands_layout`, a word of 16 bits for each unit
    o : stream {sum}

    Attributes
    ----------
    latency : 4 cycles from the acceptance of a last beat that takes one cycle to its sum
    interval : 1 cycle, that of the shortest beat; no cycle is lost between beats of any precision

    Raises
    ------
    InvalidInput
        For a parameter out of range.
    """

    block_name = "spatio-temporal-mac"
    operand = CHUNKED

    @property
    def latency(self) -> int:
        """Operands, counts, sum of bits, accumulator: a register each."""
        return 4

    def decode(self, m: Module, operand: Any, bits: Value, signed: Value) -> None:
        """Chunks and their places."""
        decode_chunks(m, operand, bits, signed)

    def decode_pass(self, m: Module, operands: dict[str, Any], number: Value) -> Pass:
        """Four products of chunks a pass."""
        last = last_pass(Counted.of(operands["a"]), Counted.of(operands["b"]))
        return Pass(last, last)

    def loaded(self, m: Module, name: str, word: Value, decoded: Any) -> Value:
        """Bit j of nibble k of all units side by side, at `(4*k + j) * units`; of a the nibbles of the sub-units.

        A binary a, one bit of each nibble, becomes a number: 1 is 0001, and 0 is 1111.
        """
        words = [word[start : start + WORD_BITS] for start in range(0, len(word), WORD_BITS)]
        planes = transpose(m, words, name=f"planes_{name}")
        nibbles: list[Value] = []
        for start in range(0, WORD_BITS, CHUNK_BITS):
            bits = planes[start : start + CHUNK_BITS]
            if name == "a":
                turned = (~bits[0]).replicate(CHUNK_BITS - 1)
                number = Mux(decoded.binary, Cat(Const(-1, self.units), turned), Cat(*bits))
                nibbles.append(self.named(m, number, f"nibble_{start // CHUNK_BITS}"))
            else:
                nibbles.append(Cat(*bits))
        if name == "a":
            payload: Any = self.i.payload
            nibbles = spread_chunks(nibbles, Counted.of_bits(payload.a_bits), Counted.of_bits(payload.b_bits))
        return Cat(*nibbles)

    def elaborate_sum(self, m: Module, enable: Value, beat: Beat) -> None:
        """Counts, their sum over the bits, and the accumulator; all stand still while a result waits."""
        arrangement = Arrangement(m, beat.operands)
        counts = self.elaborate_counts(m, enable, beat, arrangement)
        b, opens = beat.operands["b"], beat.starts & (beat.number == 0)
        negative = opens & b.signed & ~b.binary
        # The third of four chunks may be a bit narrower than the others: it has one that does not count.
        keeps = beat.starts & (beat.number == 2) & b.half[0]
        first_turns, pair_turns, all_turn = (
            delayed(m, enable, negative & getattr(arrangement, name), name)
            for name in ("first_turns", "pair_turns", "all_turn")
        )
        inner, outer = (delayed(m, enable, getattr(arrangement, name), f"count_{name}") for name in ("inner", "outer"))

        reach = 17 * 16 * self.units  # of a pair: 16 for a chunk, beside 16 times as much
        pair, whole = signed(reach.bit_length() + 1), signed((257 * reach).bit_length() + 1)
        raised = [self.named(m, shifted(counts[k], inner, 4), f"raised_{k}", pair) for k in (0, 2)]
        upper = self.named(m, added(raised[0], counts[1], first_turns), "upper", pair)
        lower = self.named(m, raised[1] + counts[3], "lower", pair)
        total = self.named(m, added(shifted(upper, outer, 8), lower, pair_turns), "total", whole)

        valid = delayed(m, enable, beat.busy, "count_valid", reset=True)
        starts, doubles = delayed(m, enable, opens, "count_opens"), delayed(m, enable, ~keeps, "count_doubles")
        bits = min(self.accumulator_bits, (self.units << 2 * WORD_BITS).bit_length() + 1)
        running = Signal(signed(bits), reset_less=True)
        before = self.named(m, Mux(starts, 0, Mux(doubles, running << 1, running)), "before", signed(bits))
        with m.If(enable & valid):
            m.d.sync += running.eq(added(total, before, all_turn))
        # A beat of several passes is the first of a dot product until its end.
        first = Signal()
        still = delayed(m, enable, first, "still_first")
        m.d.comb += first.eq(Mux(opens, beat.first, still))
        ended = delayed(m, enable, beat.ends & (beat.number == beat.routing), "count_ends")
        self.elaborate_total(
            m,
            enable,
            running,
            valid=delayed(m, enable, valid & ended, "running_valid", reset=True),
            first=delayed(m, enable, delayed(m, enable, first, "count_first"), "running_first"),
            last=delayed(m, enable, delayed(m, enable, beat.last, "count_last"), "running_last"),
        )

    def elaborate_counts(self, m: Module, enable: Value, beat: Beat, arrangement: Arrangement) -> list[Signal]:
        """For each sub-unit the sum over all units of its chunk of a by a bit of its chunk of b.

        Bit j of that chunk in all units is one word; a bit of b masks it, and its set bits are counted. Where b is
        -1 or +1, a bit of 0 turns the chunk instead: `-a = ~a + 1`, and 16 less for an unsigned chunk.
        """
        a, b = beat.operands["a"], beat.operands["b"]
        size = self.units
        at_hand: list[Value] = []
        for k in range(SUB_UNITS):
            words = [self.plane(beat, "b", k, j) for j in range(CHUNK_BITS)]
            at_hand.append(self.named(m, either(*((beat.bit == j, word) for j, word in enumerate(words))), f"b_{k}"))
        spread = spread_bits(at_hand, Counted.of(a), Counted.of(b), beat.number)
        counts: list[Signal] = []
        for k in range(SUB_UNITS):
            bits = self.named(m, spread[k], f"bits_{k}")
            turned = self.named(m, ~bits & b.binary.replicate(size), f"turned_{k}")
            planes = [
                self.named(m, (plane & bits) | (~plane & turned), f"plane_{k}_{j}")
                for j in range(CHUNK_BITS)
                for plane in [self.plane(beat, "a", k, j)]
            ]
            low = counted(m, dict(enumerate(planes[:-1])), name=f"low_{k}")
            top, zeros = (popcount(m, word, name=f"{n}_{k}") for n, word in (("top", planes[-1]), ("zeros", turned)))
            # -top of a signed first chunk, else top - 2 * zeros, both as top' + zeros' + 1 or 2.
            has_sign = self.named(m, a.signed & arrangement.tops[k], f"has_sign_{k}")
            bits_of_top = len(top) + 2
            turned_top = (Cat(top, Const(0, 2)) ^ has_sign.replicate(bits_of_top)).as_signed()
            less = (Cat(Const(1, 1), ~zeros, Const(1, 1)) | has_sign.replicate(bits_of_top)).as_signed()
            eighths = self.named(m, turned_top + less + Mux(has_sign, 2, 1), f"eighths_{k}", signed(bits_of_top))
            count = Signal(signed((16 * size).bit_length() + 1), name=f"count_{k}", reset_less=True)
            with m.If(enable & beat.busy):
                m.d.sync += count.eq(low + zeros + (eighths << 3))
            counts.append(count)
        return counts

    def plane(self, beat: Beat, name: str, nibble: int, bit: int) -> Value:
        """Bit `bit` of nibble `nibble` of every unit's word, as `loaded` has put them."""
        start = (CHUNK_BITS * nibble + bit) * self.units
        return beat.words[name][start : start + self.units]

    def named(self, m: Module, value: Value, name: str, shape: Any = None) -> Signal:
        """A wire of that name."""
        wire = Signal(value.shape() if shape is None else shape, name=name)
        m.d.comb += wire.eq(value)
        return wire


def added(x: Value, y: Value, turns: Value) -> Value:
    """`y - x` if `turns`, else `y + x`, as one addition with a carry."""
    turned = (x ^ turns.replicate(len(x)))[: len(x)]
    return (Cat(turns, turned).as_signed() + Cat(turns, y).as_signed()) >> 1


def shifted(value: Value, amount: Value, most: int) -> Value:
    """`value << amount`, signed, for an amount of at most `most`: a step for each bit of it."""
    for bit in range(most.bit_length()):
        value = Mux(amount[bit], Cat(Const(0, 1 << bit), value).as_signed(), value)
    return value
