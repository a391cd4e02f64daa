"""A hand-written exported block, small enough to build in seconds and to break on purpose."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

VERILOG = """\
// o.value[k] = 2 * i.value[k], tag unchanged; one register. `fault` breaks it in one of seven ways.
module doubler(clk, rst, fault, i__valid, i__ready, i__payload, o__valid, o__ready, o__payload);
  input clk, rst, i__valid, o__ready;
  input [2:0] fault;
  output i__ready, o__valid;
  input [19:0] i__payload;
  output [22:0] o__payload;
  reg full;
  reg [22:0] o__payload;
  wire signed [5:0] a = i__payload[5:0];
  wire signed [5:0] b = i__payload[11:6];
  wire signed [5:0] c = i__payload[17:12];
  assign i__ready = ~full | (o__ready & fault != 6);
  assign o__valid = full & (o__ready | fault != 4);
  always @(posedge clk) begin
    if (i__valid & i__ready) full <= ~(fault == 7 & a == 5);
    else if (o__ready) full <= 0;
    if (i__valid & (i__ready | fault == 3)) begin
      o__payload <= {i__payload[19:18], c, fault == 1 & c == 5, b, 1'b0, a, 1'b0};
    end
    if (fault == 2 & full & ~o__ready & o__payload[3]) full <= 0;
    if (rst & fault != 5) full <= 0;
  end
endmodule
"""


def write_block(folder: Path, verilog: str = VERILOG, **changes: object) -> Path:
    """The doubler's Verilog and manifest in `folder`; `changes` replace keys of the manifest."""

    def stream(name: str, direction: str, width: int) -> dict[str, object]:
        return {
            "name": name,
            "direction": direction,
            "valid": f"{name}__valid",
            "ready": f"{name}__ready",
            "payload": f"{name}__payload",
            "width": 3 * width + 2,
            "fields": [
                {"name": "value", "offset": 0, "width": width, "signed": True, "count": 3, "stride": width},
                {"name": "tag", "offset": 3 * width, "width": 2, "signed": False},
            ],
        }

    def port(name: str, direction: str, width: int = 1) -> dict[str, object]:
        return {"name": name, "direction": direction, "width": width, "signed": False}

    manifest = {
        "schema": 1,
        "block": "doubler",
        "top": "doubler",
        "parameters": {"bits": 6},
        "clock": "clk",
        "reset": "rst",
        "ports": [
            port("fault", "in", 3),
            port("i__valid", "in"),
            port("i__ready", "out"),
            port("i__payload", "in", 20),
            port("o__valid", "out"),
            port("o__ready", "in"),
            port("o__payload", "out", 23),
        ],
        "streams": [stream("i", "in", 6), stream("o", "out", 7)],
        "latency": 1,
        "interval": 1,
        "versions": {},
        "content_hash": hashlib.sha256(verilog.encode()).hexdigest(),
        "files": {},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "doubler.v").write_text(verilog)
    (folder / "doubler.json").write_text(json.dumps(manifest | changes))
    return folder


@pytest.fixture
def doubler(tmp_path: Path) -> Path:
    return write_block(tmp_path / "doubler")


@pytest.fixture
def block_writer() -> Callable[..., Path]:
    return write_block


@pytest.fixture
def testbench_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the simulator import the testbench module that lies beside this file."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
