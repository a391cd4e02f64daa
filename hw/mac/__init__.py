"""Multiply-accumulate units whose precision is an input: it may change with every dot product."""

from .fusion import FusionMac
from .parallel import PlainMac, SubWordMac
from .serial import ActivationSerialMac
from .spatio_temporal import SpatioTemporalMac

__all__ = ["ActivationSerialMac", "FusionMac", "PlainMac", "SpatioTemporalMac", "SubWordMac"]
