"""Firmware for boards over the air: releasing it, serving its images, and which board runs what."""
