"""One revision a file, the number its place in the chain."""
