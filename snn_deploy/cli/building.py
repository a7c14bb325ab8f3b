"""`snn-deploy build-ops`: the native operators of ONNX exports, compiled on this machine."""

import json as json_format
from pathlib import Path
from typing import Annotated

from . import options as o
from .console import progress, say, show


def build_ops(
    compiler: Annotated[
        str | None,
        o.option(
            "--compiler",
            metavar="CXX",
            help="A C++17 compiler; otherwise $CXX, or the first there is of c++, g++, clang++.",
            panel=o.INPUT,
            show_default=False,
        ),
    ] = None,
    force: o.Force = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Compile the native operators that make ONNX exports faster; every spike stays the same.

    `pip install` has done it already where it found a compiler.
    """
    from snn_deploy.converters.onnx import native
    from snn_deploy.converters.onnx.native.find import VARIABLE, built, destination

    library = built()
    if library is None or force or compiler:
        with progress(quiet=quiet, plain=not json) as observe:
            observe("compile", 0, 1)
            library = _build(destination(), compiler)
            observe("compile", 1, 1)
    held = native.instruction_sets(library)
    if json:
        said = {"library": str(library), "compiled": held.compiled, "chosen": held.chosen}
        print(json_format.dumps(said, indent=2))
    elif not quiet:
        show(
            [
                f"library    {library}",
                f"compiled   {', '.join(held.compiled)}",
                f"this CPU   {held.chosen}",
            ]
        )
    used = native.library()
    if used != library and not quiet:
        say(f"warning: {VARIABLE} is set, so {used or 'no library'} is used and not this one")


def _build(folder: Path, compiler: str | None) -> Path:
    from snn_deploy.converters.onnx.native.build import HERE, build, discard_others

    library = build(folder, compiler=compiler)
    if folder == HERE:
        discard_others(library)
    return library
