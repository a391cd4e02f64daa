"""The faults that a user can cause, each said in one sentence."""

__all__ = ["InvalidInput", "MissingTool", "QuadrilleError"]


class QuadrilleError(Exception):
    """Base of every fault that is the user's to mend; the command line prints it and exits with status 2."""


class InvalidInput(QuadrilleError, ValueError):
    """A value, file or combination that cannot be accepted: names the thing, what it must be and what it was."""


class MissingTool(QuadrilleError, RuntimeError):
    """A program that the machine lacks: names it and the Debian package that brings it."""
