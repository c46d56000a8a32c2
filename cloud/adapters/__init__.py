"""Technologies that fulfil the ports; only bootstrap imports them."""
