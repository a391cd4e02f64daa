"""Running exported hardware fast, from Python, against algo.integer. Knows the hardware by its exported files alone."""
