"""Camera: takes a burst of frames, each a file until the capture is safe."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a burst; ``captured_at`` in Unix ms; ``token`` names exactly this frame, even after a restart."""

    token: str
    path: Path
    captured_at: int


class Camera(Protocol):
    """A source of frames.

    A burst may be asked for again after a crash. ``release`` and ``refuse`` may be repeated, accept tokens of frames
    that are gone, and never touch a frame that was taken after the one that the token names.
    """

    def burst(self, count: int) -> Sequence[Frame]:
        """Return the frames of the present scene, oldest first, none for an empty box; raises CameraBusyError.

        ``count`` is how many to take; a source that already holds the frames of the scene gives all of them.
        """
        ...

    def release(self, tokens: Sequence[str]) -> None:
        """Forget frames: their capture is safe in the spool."""
        ...

    def refuse(self, token: str, reason: str) -> None:
        """Set a frame aside for a person to look at, with the reason why it is not an image."""
        ...
