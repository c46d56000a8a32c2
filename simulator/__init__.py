"""Virtual devices: the real firmware and the real gateway on simulated hardware."""
