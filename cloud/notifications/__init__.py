"""Telling the owner: one e-mail for each delivery, when the delivery is settled."""
