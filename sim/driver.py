"""Generates the part of the C++ driver that differs between designs: access to ports, and where the fields are."""

from __future__ import annotations

from importlib.resources import files

from .manifest import Field, Manifest, Port, Stream

__all__ = ["TRACE_KINDS", "driver_sources"]

TRACE_KINDS = {
    "vcd": ("verilated_vcd_c.h", "VerilatedVcdC"),
    "fst": ("verilated_fst_c.h", "VerilatedFstC"),
    "saif": ("verilated_saif_c.h", "VerilatedSaifC"),
}
"""Waveform formats, and what counts changes of bits, by the suffix of their files: Verilator's header and class."""


def driver_sources(manifest: Manifest, trace: str | None) -> dict[str, str]:
    """The C++ files of the driver by name, for waveforms of kind `trace` or none."""
    package = files("quadrille.sim")
    sources = {name: package.joinpath(name).read_text(encoding="utf-8") for name in ("driver.h", "driver.cpp")}
    return sources | {"ports.h": _ports(manifest, trace)}


def _ports(manifest: Manifest, trace: str | None) -> str:
    """The text of ports.h."""
    lines = ["// Generated from the manifest.", "#pragma once", "", "#include <tuple>", "", '#include "Model.h"']
    lines += ['#include "driver.h"', f"#define QUADRILLE_TRACE {int(trace is not None)}"]
    lines += [f"#define QUADRILLE_SAIF {int(trace == 'saif')}"]
    if trace is not None:
        lines += [f'#include "{TRACE_KINDS[trace][0]}"']
    lines += ["", "namespace quadrille {", "", "using Top = Model;"]
    if trace is not None:
        lines += [f"using Wave = {TRACE_KINDS[trace][1]};"]
    lines += [f"constexpr bool has_clock = {_boolean(manifest.clock is not None)};"]
    lines += [_setter("set_clock", manifest.clock), _setter("set_reset", manifest.reset)]
    for index, stream in enumerate(manifest.inputs):
        lines += ["", *_input(index, stream)]
    for index, stream in enumerate(manifest.outputs):
        lines += ["", *_output(index, stream)]
    inputs = ", ".join(f"Input{index}" for index in range(len(manifest.inputs)))
    outputs = ", ".join(f"Output{index}" for index in range(len(manifest.outputs)))
    lines += ["", f"using Inputs = std::tuple<{inputs}>;", f"using Outputs = std::tuple<{outputs}>;", ""]
    lines += [*_pins([pin for pin in manifest.pins if pin.width <= 64]), "", "}  // namespace quadrille", ""]
    return "\n".join(lines)


def _input(index: int, stream: Stream) -> list[str]:
    payload = _port(stream.payload)
    last = (1 << ((stream.width - 1) % (32 if stream.width > 64 else 64) + 1)) - 1 if stream.width else 0
    return [
        f"struct Input{index} {{  // {stream.name}",
        f"    static constexpr unsigned words = {stream.words};",
        f"    {_setter('valid', stream.valid)}",
        f"    {_getter('ready', stream.ready)}",
        "    static inline void payload(Top& top, const uint64_t* row) {",
        f"        {f'put({payload}, row);' if payload else '(void)top, (void)row;'}",
        "    }",
        "    static inline void spoil_payload(Top& top) {",
        f"        {f'spoil({payload}, {last}ULL);' if payload and stream.valid else '(void)top;'}",
        "    }",
        "};",
    ]


def _output(index: int, stream: Stream) -> list[str]:
    payload = _port(stream.payload)
    return [
        f"struct Output{index} {{  // {stream.name}",
        f"    static constexpr unsigned width = {stream.width};",
        f"    static constexpr bool tap = {_boolean(stream.ready is None)};",
        f"    {_getter('valid', stream.valid)}",
        f"    {_setter('ready', stream.ready)}",
        "    static inline void payload(const Top& top, Payload<width>& to) {",
        f"        {f'take<width>({payload}, to);' if payload else '(void)top, (void)to;'}",
        "    }",
        "    static inline void store(const Top& top, void* const* fields, uint64_t beat) {",
        "        (void)fields, (void)beat;",
        "        Payload<width> from;",
        "        payload(top, from);",
        *(f"        {line}" for place, field in enumerate(stream.fields) for line in _store(place, field)),
        "    }",
        "};",
    ]


def _store(place: int, field: Field) -> list[str]:
    """Statements that store the elements of a field of one beat."""
    if field.width > 64:
        row = f"static_cast<uint64_t*>(fields[{place}]) + beat * {field.elements * field.words}"
        return [
            f"extract_words<{field.width}>(from.data, {offset}, {row} + {index * field.words});"
            for index, offset in enumerate(field.offsets)
        ]
    kind = f"{integer_bits(field)}"
    row = f"static_cast<int{kind}_t*>(fields[{place}]) + beat * {field.elements}"
    statements = []
    for run, (offset, count, stride) in enumerate(field.runs):
        form = f"int{kind}_t, {field.width}, {_boolean(field.signed)}, {count}, {stride}"
        statements.append(f"extract<{form}>(from.data, {offset}, {row} + {run * count});")
    return statements


def integer_bits(field: Field) -> int:
    """Bits of the integers that a field of at most 64 bits is stored in: 32 where every value fits, else 64."""
    return 32 if field.width + (not field.signed) <= 32 else 64


def _pins(pins: list[Port]) -> list[str]:
    """Two functions that write an input pin and read any pin by its place among the pins of at most 64 bits."""
    return [
        "inline void write_pin(Top& top, unsigned index, uint64_t value) {",
        "    (void)top, (void)value;",
        "    switch (index) {",
        *(f"        case {n}: put({_port(pin.name)}, &value); break;" for n, pin in enumerate(pins) if pin.input),
        "    }",
        "}",
        "inline uint64_t read_pin(const Top& top, unsigned index) {",
        "    (void)top;",
        "    switch (index) {",
        *(f"        case {n}: return {_port(pin.name)};" for n, pin in enumerate(pins)),
        "    }",
        "    return 0;",
        "}",
    ]


def _setter(name: str, port: str | None) -> str:
    body = f"{_port(port)} = value;" if port else "(void)top, (void)value;"
    return f"static inline void {name}(Top& top, bool value) {{ {body} }}"


def _getter(name: str, port: str | None) -> str:
    body = f"return {_port(port)};" if port else "(void)top; return true;"
    return f"static inline bool {name}(const Top& top) {{ {body} }}"


def _port(name: str | None) -> str:
    """A port of the C++ class: Verilator escapes two underscores in a row."""
    return f"top.{name.replace('__', '___05F')}" if name else ""


def _boolean(value: bool) -> str:
    return "true" if value else "false"
