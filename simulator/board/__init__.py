"""The virtual board: the firmware of ``firmware/``, unchanged, on real MicroPython with simulated hardware."""
