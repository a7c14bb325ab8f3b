"""Runs exported networks in an application: step by step with a state inside, or all at once."""

from .session import Session

__all__ = ["Session"]
