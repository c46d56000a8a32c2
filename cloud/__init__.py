"""The server: takes what the devices report, reads the letters, tells their owners."""
