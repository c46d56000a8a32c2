"""Reading the words of an image."""
