"""Edges: the accelerator behind the buses and lines that others' hardware speaks, with its registers."""

from .axi import AxiAccelerator
from .register_map import Access, Field, Register, RegisterMap
from .uart import UartAccelerator
from .wishbone import WishboneAccelerator

__all__ = ["Access", "AxiAccelerator", "Field", "Register", "RegisterMap", "UartAccelerator", "WishboneAccelerator"]
