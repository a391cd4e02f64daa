"""cocotb testbenches of the exported Verilog: they know its manifest and algo.integer, and never the source in hw."""
