"""Images from the gateway: granted, uploaded, announced, then read."""
