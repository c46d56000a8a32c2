"""What the board saw of the door, and the episodes made of it."""
