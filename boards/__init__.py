"""Places to run and what a design costs there: boards, FPGA families, cell libraries, and the host beside them."""
