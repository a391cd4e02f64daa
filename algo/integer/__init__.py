"""The truth: bit-exact integer functions, one module for each hardware room. numpy, and safetensors for the file."""

from .execution import Executor, accuracy, execute
from .network_file import read_modes, read_network, write_modes, write_network
from .tensors import array_of, tensor_of

__all__ = [
    "Executor",
    "accuracy",
    "array_of",
    "execute",
    "read_modes",
    "read_network",
    "tensor_of",
    "write_modes",
    "write_network",
]
