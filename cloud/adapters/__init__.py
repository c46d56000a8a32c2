"""Technologies that fulfil the ports."""
