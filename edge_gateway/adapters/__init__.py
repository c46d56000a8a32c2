"""The technologies that fulfil the gateway's ports."""
