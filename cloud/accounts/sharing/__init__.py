"""A household together: its members and invitations, its API keys, its audit log."""
