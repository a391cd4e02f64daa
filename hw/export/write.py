"""Export: a component as a folder of files that are all anybody needs of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from amaranth.lib import wiring

from quadrille.algo.spec import InvalidInput
from quadrille.hw.base import Block

from .manifest import block_name, manifest
from .publish import publish
from .verilog import control_text, list_text, public_text, verilog_text

__all__ = ["design_files", "export"]


def design_files(component: wiring.Component, top: str | None = None) -> dict[str, str]:
    """The exported files of `component` by name: `<top>.v .json .vlt .public.vlt .f`, and a block's own documents.

    The module is called `top`, by default as the block with underscores (`cim_macro`). The bytes depend on the
    component's parameters and the versions of the tools alone.

    Raises
    ------
    InvalidInput
        If `top` is no Verilog identifier.
    """
    if top is None:
        top = block_name(component).replace("-", "_")
    if not isinstance(top, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", top):
        raise InvalidInput(
            f"Top module name must be letters, digits and single underscores after a letter, not {top!r}"
        )
    text = verilog_text(component, top)
    names = {"verilog": f"{top}.v", "control": f"{top}.vlt", "public": f"{top}.public.vlt", "list": f"{top}.f"}
    documents = component.documents(top) if isinstance(component, Block) else {}
    names |= {ending: f"{top}.{ending}" for ending in documents}
    description = manifest(component, top, text, names)
    ports = [port["name"] for port in description["ports"]]
    ports += [name for name in (description["clock"], description["reset"]) if name is not None]
    return {
        names["verilog"]: text,
        names["control"]: control_text(),
        names["public"]: public_text(top, ports),
        names["list"]: list_text(top),
        **{names[ending]: content for ending, content in documents.items()},
        f"{top}.json": json.dumps(description, indent=2, sort_keys=True) + "\n",
    }


def export(component: wiring.Component, folder: Path | str, top: str | None = None) -> Path:
    """Write the Verilog, manifest, control files and file list of `component` into `folder`; the folder.

    Nothing half written remains after an error or an interrupt, and what stood there before is replaced as a whole.

    Raises
    ------
    InvalidInput
        If `top` is no Verilog identifier, or `folder` cannot be written.
    """
    return publish(folder, design_files(component, top))
