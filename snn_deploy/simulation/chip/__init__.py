"""A chip that runs a placed network: exact counts, modelled times, no prices.

What needs numba is in the modules; this one can be imported without it.
"""

from importlib.util import find_spec


def available() -> bool:
    """Say whether the package that compiles the simulator is installed."""
    return find_spec("numba") is not None
