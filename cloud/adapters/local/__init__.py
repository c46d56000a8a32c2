"""One machine, no account anywhere."""
