"""The sample letters of the demo, and the camera that photographs them as a mailbox would."""

from simulator.sample_letters.camera import burst, photograph, sharp_frame
from simulator.sample_letters.letter import SampleLetter, Truth, sample_letters
from simulator.sample_letters.page import render_page

__all__ = ["SampleLetter", "Truth", "burst", "photograph", "render_page", "sample_letters", "sharp_frame"]
