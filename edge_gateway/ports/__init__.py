"""What the gateway needs from the world, one Protocol per file."""
