"""The fault laboratory: the firmware on real MicroPython, a broker that misbehaves on demand, and what must be true."""
