"""Places to run and what a design costs there: FPGA families and cell libraries, by Yosys and ABC."""
