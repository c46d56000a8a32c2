"""The commands of the ``pillarbox`` program, one per file, mounted in ``tools.cli``."""
