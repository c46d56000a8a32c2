"""Entries that AWS calls, and that the local worker calls with the same events; one file per function, no rules."""
