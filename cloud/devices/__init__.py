"""Boards and gateways: who they are, where they stand, what they should do."""
