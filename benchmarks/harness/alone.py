"""What memory a contender takes, measured in a process of its own that does nothing else.

Everything it needs is imported, a tiny network has run and the images are loaded; then the
contender is opened and called. ONNX Runtime's process never imports torch. A process is
`python -m harness.alone JOB`, with a job in JSON.
"""

import gc
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import memory

if TYPE_CHECKING:
    from .exports import Exported
    from .networks import Floats, Subject
    from .routes import Route

Job = Mapping[str, Any]
Run = Callable[[], object]
Opened = Callable[[], AbstractContextManager[Run]]

_BENCHMARKS = Path(__file__).parents[1]
_WEIGHTS, _TINY = "weights.pt", "tiny"
_TINY_STEPS = 2
"""As `networks.tiny` has it, which imports torch."""
_CALLS = 3


@dataclass(frozen=True, slots=True)
class Peak:
    """Resident memory of a contender's process.

    Attributes:
        before_bytes: held before it is opened.
        opening_bytes: the most above that, up to the end of the first call: reading the weights,
            building, compiling.
        running_bytes: the most above that in later calls: weights, states, what layers compute.
    """

    before_bytes: int
    opening_bytes: int
    running_bytes: int


class Folder:
    """Files of one network and one number of steps, for processes of their own."""

    def __init__(self, path: Path, subject: "Subject", exported: "Exported") -> None:
        """Write what does not depend on the batch, and a network to begin with."""
        import torch

        from .exports import export
        from .networks import samples, tiny

        self.path, self.subject, self.exported = path, subject, exported
        torch.save(subject.module.state_dict(), path / _WEIGHTS)
        _write_files(path, exported)
        first = tiny()
        small = export(first)
        (path / _TINY).mkdir()
        _write_files(path / _TINY, small)
        _write_images(path / _TINY, small, samples(first.input, 1))

    def store(self, images: "Floats") -> None:
        """Write a batch."""
        _write_images(self.path, self.exported, images)

    def session(self, route: "Route", threads: int, spinning: bool) -> Job:
        """Describe a session."""
        return self._job(threads) | {"route": asdict(route), "spinning": spinning}

    def module(self, framework: str, threads: int) -> Job:
        """Describe a torch module."""
        return self._job(threads) | {"framework": framework, "architecture": self.subject.name}

    def _job(self, threads: int) -> dict[str, Any]:
        steps = self.subject.input.steps
        return {"folder": str(self.path), "threads": threads, "steps": steps}


def _write_files(folder: Path, exported: "Exported") -> None:
    for name, content in exported.files.items():
        (folder / f"{name}.onnx").write_bytes(content)


def _write_images(folder: Path, exported: "Exported", images: "Floats") -> None:
    """Write them as floats and as integers."""
    import numpy as np

    np.save(folder / "float.npy", images)
    np.save(folder / "integer.npy", exported.integers.quantize_input(images))


def peak(job: Job) -> Peak:
    """Measure a job. Raises CalledProcessError where it fails."""
    command = [sys.executable, "-m", "harness.alone", json.dumps(job)]
    ended = subprocess.run(command, cwd=_BENCHMARKS, stdout=subprocess.PIPE, check=True)
    return Peak(**json.loads(ended.stdout.splitlines()[-1]))


def _measured(first: Opened, network: Opened) -> Peak:
    """Measure the second, in a process in which the first has been opened, run and let go of.

    What a framework loads for its first network, a compiler for one, is then not counted.
    """
    with first() as run:
        run()
    del run
    gc.collect()
    memory.give_back_free_memory()
    memory.forget_peak()
    before = memory.held_bytes()
    with network() as run:
        run()
        opening = memory.peak_bytes()
        memory.give_back_free_memory()
        memory.forget_peak()
        for _ in range(_CALLS):
            run()
        running = memory.peak_bytes()
    return Peak(before, opening - before, running - before)


def _session(job: Job) -> Peak:
    import numpy as np

    from .routes import Route
    from .sessions import Setting, opened

    route, folder = Route(**job["route"]), Path(job["folder"])

    def described(path: Path, steps: int) -> Opened:
        parts = route.split(np.load(path / f"{route.numbers}.npy"))
        setting = Setting(steps, job["threads"], job["spinning"], route.native)
        return lambda: opened(path / f"{route.file}.onnx", parts, setting)

    return _measured(described(folder / _TINY, _TINY_STEPS), described(folder, job["steps"]))


def _module(job: Job) -> Peak:
    import numpy as np
    import torch

    from snn_deploy.models import build
    from snn_deploy.models.ms_resnet import MSResNet

    from .frameworks import FRAMEWORKS, without_warnings
    from .networks import tiny

    torch.set_num_threads(job["threads"])
    without_warnings()
    folder = Path(job["folder"])

    def stored() -> MSResNet:
        network = build(job["architecture"], steps=job["steps"]).eval()
        assert isinstance(network, MSResNet), "the architectures of this benchmark"
        network.load_state_dict(torch.load(folder / _WEIGHTS, mmap=True))
        return network

    def described(make: Callable[[], MSResNet], path: Path) -> Opened:
        images = torch.from_numpy(np.load(path / "float.npy"))

        @contextmanager
        def opened() -> Iterator[Run]:
            module = FRAMEWORKS[job["framework"]](make())
            with torch.inference_mode():
                yield lambda: module(images)

        return opened

    first = described(lambda: tiny().module, folder / _TINY)
    return _measured(first, described(stored, folder))


def main() -> None:
    """Do the job and print the peak."""
    job = json.loads(sys.argv[1])
    print(json.dumps(asdict(_module(job) if "framework" in job else _session(job))))


if __name__ == "__main__":
    main()
