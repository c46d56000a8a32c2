"""The board's program; ``firmware.wire`` is the contract that every other part reads too."""
