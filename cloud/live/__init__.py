"""The live feed: what changed for each household, in order, for those who follow it."""
