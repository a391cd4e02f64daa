"""The truth: bit-exact integer functions, one module for each hardware room. numpy, and safetensors for the file."""
