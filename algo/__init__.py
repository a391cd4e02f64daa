"""What is computed: mathematics, no clock, no Amaranth."""
