"""Builds the operator library with the package, where a compiler is; all else is pyproject.toml.

Without a compiler the package is the same less the library, and ONNX Runtime's stock operators
make the same spikes. A wheel with the library is for one platform, but for any Python.
"""

import functools
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from setuptools import Command, Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build import build

ROOT = Path(__file__).resolve().parent
FOLDER = Path("converters", "onnx", "native")
INSTALLED = Path("snn_deploy", "converters", "onnx", "native")


@functools.cache
def native() -> ModuleType:
    """Return the module that compiles, which is not installed yet; it imports our errors."""
    sys.path.insert(0, str(ROOT))
    spec = importlib.util.spec_from_file_location("snn_ops_build", ROOT / FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Package(Distribution):
    """Knows whether a library was built."""

    holds_library = False

    def has_ext_modules(self) -> bool:
        """Say whether the wheel is for one platform."""
        return self.holds_library


class BuildOps(Command):
    """Compile the library to where the package is built, or, to be edited, beside its sources."""

    description = "compile the operator library for ONNX Runtime"
    user_options = ()
    editable_mode = False

    def initialize_options(self) -> None:
        self.build_lib = None

    def finalize_options(self) -> None:
        self.set_undefined_options("build_py", ("build_lib", "build_lib"))

    def run(self) -> None:
        made = self._edited if self.editable_mode else self._built
        if self.editable_mode and made.exists():
            return
        from snn_deploy.errors import SnnDeployError

        native().discard_others(made)
        try:
            native().build(made.parent)
        except (SnnDeployError, OSError) as error:
            note = f"snn-deploy is installed without native operators: {error}"
            sys.stderr.write(" ".join(note.split()) + "\n")
            made.unlink(missing_ok=True)
            return
        if not self.editable_mode:
            self.distribution.holds_library = True

    @property
    def _built(self) -> Path:
        return Path(self.build_lib) / INSTALLED / native().file_name()

    @property
    def _edited(self) -> Path:
        return ROOT / FOLDER / native().file_name()

    def get_source_files(self) -> list[str]:
        return [str(path.relative_to(ROOT)) for path in sorted((ROOT / FOLDER / "src").iterdir())]

    def get_outputs(self) -> list[str]:
        return [str(self._built)] if self._edited.exists() and self.editable_mode else []

    def get_output_mapping(self) -> dict[str, str]:
        edited = self._edited.relative_to(ROOT)
        return {str(self._built): str(edited)} if self.get_outputs() else {}


class Build(build):
    """The usual steps, and the library."""

    sub_commands = (*build.sub_commands, ("build_ops", None))


class Wheel(bdist_wheel):
    """For one platform if it holds the library; for any Python in any case."""

    def run(self) -> None:
        if not self.skip_build:
            self.run_command("build")
        self.root_is_pure = not self.distribution.holds_library
        super().run()

    def get_tag(self) -> tuple[str, str, str]:
        _, _, platform = super().get_tag()
        return ("py3", "none", platform)


setup(
    distclass=Package,
    cmdclass={"build": Build, "build_ops": BuildOps, "bdist_wheel": Wheel},
    ext_modules=[],
)
