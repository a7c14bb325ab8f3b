"""The messages of a step, core by core, for compiled loops that decide when each can leave."""

from typing import NamedTuple

import numpy as np

from snn_deploy.ir.graph import Array

from .compiled import part
from .emission import Emissions
from .machine import Machine

CURSOR = [("emission", np.int64), ("message", np.int64), ("clock_ps", np.int64)]
"""Fields of a core: which message of which emission is its next; when it was done with what comes
before that, and from then on with its neurons."""


class Sending(NamedTuple):
    """What is sent: parts of `Emissions`, `Pace` and `Routes`."""

    core_at: Array
    wait: Array
    route: Array
    flits: Array
    rest: Array
    pause: Array
    message_at: Array
    target: Array
    work: Array


def sending(machine: Machine, made: Emissions) -> Sending:
    """Return what is sent."""
    routes = machine.routes
    return Sending(
        core_at=made.core_at,
        wait=made.wait,
        route=made.route,
        flits=made.flits,
        rest=made.rest,
        pause=machine.pace.message,
        message_at=routes.message_at,
        target=routes.core,
        work=routes.work,
    )


@part
def begin(sent, cursors, core):  # type: ignore[no-untyped-def]
    """Turn to the first message of a core; return whether there is one."""
    cursors[core].emission = sent.core_at[core] - 1
    return _seek(sent, cursors, core)


@part
def turn(sent, cursors, core):  # type: ignore[no-untyped-def]
    """Turn to the message of a core that follows; return whether there is one."""
    own = cursors[core]
    own.message += 1
    if own.message < sent.message_at[sent.route[own.emission] + 1]:
        return True
    return _seek(sent, cursors, core)


@part
def _seek(sent, cursors, core):  # type: ignore[no-untyped-def]
    """Go to the next emission that somebody hears; the core works for all before it."""
    own = cursors[core]
    e, end = own.emission + 1, sent.core_at[core + 1]
    while e < end:
        own.clock_ps += sent.wait[e]
        own.message = sent.message_at[sent.route[e]]
        if own.message < sent.message_at[sent.route[e] + 1]:
            break
        e += 1
    own.emission = e
    return e < end
