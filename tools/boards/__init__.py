"""A real or virtual board at a serial port: looked at, and given its firmware and identity."""
