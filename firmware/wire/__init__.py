"""The wire contract: MQTT topics and messages, one source for board, gateway, simulator and cloud."""
