"""Whose a device is: claiming one that is nobody's yet, and handing one over to another household."""
