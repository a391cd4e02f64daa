"""Multiply-accumulate units whose precision is an input: it may change with every dot product."""

from .spatio_temporal import SpatioTemporalMac

__all__ = ["SpatioTemporalMac"]
