"""The rules analyst: pure functions over the text and the geometry of a letter."""
