"""Requests that come again, because their answer was lost: answered again and done once."""
