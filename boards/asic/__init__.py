"""Cell libraries: their files, and netlists mapped to them with timing, switching and energy."""
