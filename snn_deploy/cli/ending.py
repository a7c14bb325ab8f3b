"""Every way a run can end, as an exit code and, unless all went well, one line."""

import logging
import os
import sys
import traceback
from collections.abc import Sequence

import typer

from snn_deploy.errors import MissingDependencyError, SnnDeployError, UsageError

from .console import complain, say

UNREAD = 1
"""Whoever read standard output went away; Typer says the same."""
BUG = 70
INTERRUPTED = 130
_EXTRAS = {"torch": "torch", "norse": "norse"}
"""Packages that are imported where they are needed, and the extra that brings them."""


def guarded(program: typer.Typer, name: str, arguments: Sequence[str] | None) -> int:
    """Run a program and turn every failure into one line on standard error.

    Returns:
        The exit code; `snn_deploy.errors` lists them.
    """
    try:
        _prepare()
        code = _run(program, name, arguments)
        sys.stdout.flush()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except typer.TyperException as error:
        return _wrong_option(error, name)
    except SnnDeployError as error:
        _show_traceback()
        return _failed(error)
    except MemoryError:
        complain("out of memory; give fewer --samples, or a smaller network")
        return BUG
    except Exception as error:  # noqa: BLE001 - nothing ends in a traceback unasked
        _show_traceback()
        return _unexpected(error, name)
    if code == INTERRUPTED:
        say("interrupted: nothing half-written is left")
    return code


def _run(program: typer.Typer, name: str, arguments: Sequence[str] | None) -> int:
    """Return the code that Typer ends with: 0, or 130 after Ctrl-C."""
    given = None if arguments is None else list(arguments)
    ended = program(given, prog_name=name, standalone_mode=False)
    return ended if isinstance(ended, int) else 0


def _prepare() -> None:
    """Let no character stop the output, and start logging."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    level = os.environ.get("SNN_DEPLOY_LOG", "WARNING").upper()
    if level not in logging.getLevelNamesMapping():
        raise UsageError(f"SNN_DEPLOY_LOG cannot be '{level}'", "give DEBUG, INFO or WARNING")
    logging.basicConfig(level=level)


def _show_traceback() -> None:
    if os.environ.get("SNN_DEPLOY_DEBUG"):
        traceback.print_exc()


def _wrong_option(error: typer.TyperException, name: str) -> int:
    """Tell what Typer complains of; what was to be help was printed already."""
    context = getattr(error, "ctx", None)
    message = " ".join(error.format_message().split())
    if message:
        helper = f"{context.command_path if context else name} --help"
        start = (message[0].lower() + message[1:].rstrip(".?")).replace(". Did", "; did")
        complain(f"{start}; see `{helper}`")
    return error.exit_code


def _failed(error: SnnDeployError) -> int:
    complain(str(error))
    return error.exit_code


def _unexpected(error: Exception, program: str) -> int:
    """Tell of what the system refuses, of a package that is not installed, or else of a bug."""
    if isinstance(error, OSError) and error.strerror:
        what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        return _failed(UsageError(what, "check the path, its permissions and the space left"))
    package = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and package in _EXTRAS:
        return _failed(MissingDependencyError(program, package, _EXTRAS[package]))
    complain(f"this is a bug of ours ({type(error).__name__}: {error})")
    say("set SNN_DEPLOY_DEBUG=1 for the traceback, and please report it")
    return BUG
