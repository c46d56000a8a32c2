"""What an operator does with a whole server: backup, restore, replay, and looking at how it is."""
