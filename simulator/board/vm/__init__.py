"""What runs inside the board's interpreter: the hardware modules that an ESP32 has, answered by the supervisor.

MicroPython code, copied to nowhere: the interpreter reads it from here before the board's own flash takes its place.
"""
