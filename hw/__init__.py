"""How it is computed: Amaranth only."""
