"""A wrapper in Verilog that plays whole bursts on a block, so that Python wakes once for hundreds of beats.

A testbench that writes and reads a port in each cycle spends several times the simulator's own time in doing so. Here
the beats of one input stream are handed over together as text, in the string `fed`, several beats to a word; it
feeds them as fast as the block takes them, and keeps the beats of one output stream in the string `kept`. All other
ports of the block are ports of the wrapper: `burst__words` words are played when `burst__start` rises, and
`burst__done` is high when as many beats are kept, until `burst__start` falls.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quadrille.algo.spec import InvalidInput

from .manifest import Manifest, StreamPort

__all__ = ["Burst", "write_burst"]

#: Bits of a character of `fed`.
_LETTER = 6


@dataclass(frozen=True)
class Burst:
    """Shape of the wrapper: words of `beats` beats of stream `source`, and one beat of stream `sink` for each."""

    source: str
    sink: str
    beats: int

    def width(self, manifest: Manifest) -> int:
        """Bits of a word."""
        return self.beats * manifest.streams[self.source].width

    def text(self, manifest: Manifest, words: Sequence[int]) -> bytes:
        """What to write to `fed` of the wrapper of the block of `manifest`, for a burst of `words`.

        Six bits to a character, the lowest first, in the low bits of the characters from `@` on: the wrapper reads them
        without any decoding, and none of them ends a C string.
        """
        letters = -(-self.width(manifest) // _LETTER)
        mask = (1 << _LETTER) - 1
        return b"".join(
            bytes([0x40 | (word >> (_LETTER * place) & mask) for place in range(letters)]) for word in words
        )


def write_burst(manifest: Manifest, folder: Path, burst: Burst) -> Manifest:
    """Write the wrapped block, Verilog and manifest, into `folder`; its manifest.

    Raises
    ------
    InvalidInput
        If the block lacks one of the streams, or they have no payload or lead the wrong way.
    """
    source, sink = manifest.streams.get(burst.source), manifest.streams.get(burst.sink)
    if source is None or source.direction != "in" or not source.payload or not source.valid or not source.ready:
        raise InvalidInput(f"Burst must feed an input stream with payload, valid and ready, not {burst.source!r}")
    if sink is None or sink.direction != "out" or not sink.payload or not sink.valid:
        raise InvalidInput(f"Burst must take an output stream with payload and valid, not {burst.sink!r}")
    top = f"{manifest.top}_burst"
    text = f"{_wrapper(manifest, top, source, sink, burst)}\n{manifest.verilog_text()}"
    data = json.loads(manifest.path.read_text(encoding="utf-8"))
    gone = {source.valid, source.ready, source.payload, sink.valid, sink.ready, sink.payload}
    added = [("burst__start", "in", 1), ("burst__done", "out", 1), ("burst__words", "in", 32)]
    ports = [port for port in data["ports"] if port["name"] not in gone]
    ports += [{"name": name, "direction": way, "width": width, "signed": False} for name, way, width in added]
    data |= {
        "top": top,
        "ports": ports,
        "streams": [stream for stream in data["streams"] if stream["name"] not in (burst.source, burst.sink)],
        "content_hash": hashlib.sha256(text.encode()).hexdigest(),
        "files": {kind: name for kind, name in data.get("files", {}).items() if kind != "models"},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{top}.v").write_text(text, encoding="utf-8")
    control = manifest.path.with_suffix(".vlt")
    if control.exists():
        (folder / f"{top}.vlt").write_bytes(control.read_bytes())
    path = folder / f"{top}.json"
    path.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return Manifest.read(path)


def _wrapper(manifest: Manifest, top: str, source: StreamPort, sink: StreamPort, burst: Burst) -> str:
    """The wrapper's module."""
    taken = {source.valid, source.ready, source.payload, sink.valid, sink.ready, sink.payload}
    through = [port for port in manifest.ports if port.name not in taken]
    clocks = [name for name in (manifest.clock, manifest.reset) if name is not None]
    listed = [port.name for port in through]
    names = [*(name for name in clocks if name not in listed), *listed]
    directions = {port.name: ("input" if port.direction == "in" else "output", port.width) for port in through}
    declared = [f"  {way} [{width - 1}:0] {name}," for name, (way, width) in directions.items()]
    declared = [f"  input {name}," for name in names if name not in directions] + declared
    connected = [f"    .{name}({name})," for name in names]
    ready = f"\n    .{sink.ready}(1'b1)," if sink.ready else ""
    reset = manifest.reset or "1'b0"
    lines = "\n".join
    width = burst.width(manifest)
    letters = -(-width // _LETTER)
    reads = lines(
        f"      read[{min(start + _LETTER, width) - 1}:{start}] = fed.getc(place + {start // _LETTER});"
        for start in range(0, width, _LETTER)
    )
    return f"""\
// Feeds `fed` to stream {source.name}, {burst.beats} beats a word, first lowest; keeps stream {sink.name} in `kept`.
module {top}(
{lines(declared)}
  input burst__start,
  input [31:0] burst__words,
  output burst__done
);
  // Text, words one after another: strings cross into Python several times faster than vectors do.
  string fed /*verilator public_flat_rw*/;
  string kept /*verilator public_flat_rw*/;
  reg [{width - 1}:0] current, read;
  integer place;
  reg [31:0] word = 0, phase = 0, arrived = 0;
  reg running = 0;
  wire last = phase == {burst.beats - 1};
  wire ready, result_valid;
  wire [{sink.width - 1}:0] result;
  assign burst__done = running & arrived == burst__words;
  wire valid = running & word != burst__words;
  always @(posedge {manifest.clock}) begin
    if (valid & ready) begin
      if (last) begin
        phase <= 0;
        word <= word + 1;
      end else phase <= phase + 1;
    end
    if (result_valid) begin
      kept = {{kept, $sformatf("%h", result)}};
      arrived <= arrived + 1;
    end
    running <= burst__start;
    if (~burst__start | {reset}) begin
      word <= 0;
      phase <= 0;
      arrived <= 0;
      kept = "";
    end
    // The block takes its beat at this very edge: only a nonblocking assignment may change the word under it.
    if ((burst__start & ~running) | (valid & ready & last & word + 1 != burst__words)) begin
      place = running ? (word + 1) * {letters} : 0;
{reads}
      current <= read;
    end
  end
  {manifest.top} block(
{lines(connected)}
    .{source.valid}(valid),
    .{source.ready}(ready),
    .{source.payload}(current[phase * {source.width} +: {source.width}]),{ready}
    .{sink.valid}(result_valid),
    .{sink.payload}(result)
  );
endmodule
"""
