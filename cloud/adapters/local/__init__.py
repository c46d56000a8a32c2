"""Adapters that need no account anywhere: households run on them."""
