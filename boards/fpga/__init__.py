"""FPGA boards: one file for each, and what brings an accelerator onto them."""
