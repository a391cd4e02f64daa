"""Multiply-accumulate units whose precision is an input: it may change with every dot product."""

from .fusion import FusionMac
from .parallel import PlainMac, SubWordMac
from .serial import ActivationSerialMac, WeightSerialMac
from .serial_serial import SerialSerialMac
from .spatio_temporal import SpatioTemporalMac

__all__ = [
    "ActivationSerialMac",
    "FusionMac",
    "PlainMac",
    "SerialSerialMac",
    "SpatioTemporalMac",
    "SubWordMac",
    "WeightSerialMac",
]
