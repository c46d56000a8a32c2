"""What the server needs from the outside, one Protocol a file, in the words of the domain."""
