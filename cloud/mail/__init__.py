"""The mail outbox: every e-mail once, whatever happens in between."""
