"""From a component to the files that are shipped: Verilog, manifest, control files, file list."""

from .manifest import manifest, mapped_manifest
from .publish import publish
from .write import design_files, export

__all__ = ["design_files", "export", "manifest", "mapped_manifest", "publish"]
