"""Multiply-accumulate units whose precision is an input: it may change with every dot product."""

from .array import MacArray
from .carry_save import CarrySaveMac, SameWeightMac
from .fusion import FusionMac
from .packed import PackedMac
from .parallel import PlainMac
from .serial import ActivationSerialMac, WeightSerialMac
from .serial_serial import SerialSerialMac
from .sparse import SparseDigitMac
from .spatio_temporal import SpatioTemporalMac
from .sub_word import SubWordMac

__all__ = [
    "ActivationSerialMac",
    "CarrySaveMac",
    "FusionMac",
    "MacArray",
    "PackedMac",
    "PlainMac",
    "SameWeightMac",
    "SerialSerialMac",
    "SparseDigitMac",
    "SpatioTemporalMac",
    "SubWordMac",
    "WeightSerialMac",
]
