"""Everyone who runs one network on one batch: the ways of our export, and PyTorch's frameworks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from snn_deploy.errors import MissingDependencyError

from .alone import Folder, Job
from .checks import Expected, check_function
from .exports import Exported
from .frameworks import BY_COMPILER, FRAMEWORKS
from .networks import Floats, Subject
from .routes import Route, routes
from .sessions import NothingNativeError, Setting, opened
from .timing import Contender, Logits, Run


@dataclass(frozen=True, slots=True)
class Cell:
    """One network, one number of steps, one batch.

    Attributes:
        subject: the network.
        exported: what an export made of it.
        images: the batch.
        expected: its logits.
        folder: where processes of their own find all that; the batch is stored there.
        threads: of everyone.
        spinning: of ONNX Runtime's idle threads.
        only: parts of names of those who are wanted; empty, all are.
    """

    subject: Subject
    exported: Exported
    images: Floats
    expected: Expected
    folder: Folder
    threads: int
    spinning: bool
    only: Sequence[str] = ()

    def wants(self, name: str) -> bool:
        """Whether a contender was asked for."""
        return not self.only or any(part in name for part in self.only)


@dataclass(frozen=True, slots=True)
class Entrant:
    """A contender whose outputs were compared.

    Attributes:
        contender: to be timed.
        outputs: how they compare, in words.
        function: the difference in float64, where that was looked at.
        job: for a process of its own.
    """

    contender: Contender
    outputs: str
    function: float | None
    job: Job


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A contender that cannot run here, and why."""

    name: str
    reason: str


def entrants(cell: Cell) -> Iterator[Entrant | LeftOut]:
    """Yield who takes part, each once it was checked. Raises WrongOutputError."""
    for route in routes(len(cell.images)):
        if cell.wants(route.name):
            yield _ours(route, cell)
    for name in FRAMEWORKS:
        if cell.wants(name):
            yield _theirs(name, cell)


def _ours(route: Route, cell: Cell) -> Entrant | LeftOut:
    contender = Contender(route.name, True, partial(_session, route, cell))
    try:
        with contender.open() as run:
            found = run()
    except (MissingDependencyError, NothingNativeError) as error:
        return LeftOut(route.name, str(error))
    integer = route.numbers == "integer"
    outputs = cell.expected.compared(route.name, found, integer=integer)
    return Entrant(
        contender, outputs, None, cell.folder.session(route, cell.threads, cell.spinning)
    )


def _theirs(name: str, cell: Cell) -> Entrant | LeftOut:
    try:
        module = FRAMEWORKS[name](cell.subject.module)
    except ModuleNotFoundError as error:
        return LeftOut(name, str(error))
    function = None
    if name not in BY_COMPILER:
        function = check_function(name, module, cell.subject, cell.images)
    contender = Contender(name, False, partial(_module, module, cell.images))
    with contender.open() as run:
        outputs = cell.expected.compared(name, run(), integer=False)
    return Entrant(contender, outputs, function, cell.folder.module(name, cell.threads))


@contextmanager
def _session(route: Route, cell: Cell) -> Iterator[Run]:
    exported = cell.exported
    steps = cell.subject.input.steps
    setting = Setting(steps, cell.threads, cell.spinning, route.native)
    model, parts = exported.files[route.file], route.split(cell.images)
    if route.numbers == "float":
        with opened(model, parts, setting) as run:
            yield run
        return
    scale = exported.scale
    with opened(model, parts, setting, exported.integers.quantize_input) as run:
        yield lambda: run() * scale


@contextmanager
def _module(module: nn.Module, images: Floats) -> Iterator[Run]:
    tensor = torch.from_numpy(images)

    @torch.inference_mode()
    def run() -> Logits:
        found: Logits = module(tensor).numpy()
        return found

    yield run
