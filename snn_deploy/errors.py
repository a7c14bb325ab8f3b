"""Every error this project raises on purpose.

    SnnDeployError                exit 1   base; never raised itself
    ├─ UsageError                 exit 2   wrong option, unknown target, unusable destination
    ├─ ModelError                 exit 3   the network or its data cannot be taken
    │  ├─ TraceError                       module path, operation, what tracing understands
    │  ├─ UnsupportedError                 node, operation, converter, reason
    │  ├─ QuantizationError                node, what cannot be an integer, why
    │  ├─ MappingError                     all that a chip cannot express: (node, what, remedy)
    │  └─ PlacementError                   a placement of another network, or of no network
    ├─ CapacityError              exit 4   all that does not fit: (where, resource, needed, limit)
    ├─ ValidationError            exit 5   stage, layer, step, index, expected, observed
    ├─ MissingDependencyError     exit 6   what needs it, package, extra
    │  └─ MissingToolError                 what needs it, a compiler or library, how to get it
    ├─ ExecutorError              exit 7   program, how it ended, its last words
    ├─ ConditionError             exit 8   what --fail-if forbids and yet holds, with its figures
    ├─ BuildError                 exit 9   source, compiler, its first complaints
    └─ InternalError              exit 70  a promise of ours is broken; asks for a report
       ├─ GraphError                       malformed graph, with the node
       └─ PassError                        pass, what it complains of, passes already run

A message says where, what is, what may be, what to do. Classes take fields; `cli.main` alone turns
an error into text on standard error and an exit code.
"""

from collections.abc import Sequence
from typing import ClassVar


class SnnDeployError(Exception):
    """Base of all; catch it to catch everything we raise."""

    exit_code: ClassVar[int] = 1


class UsageError(SnnDeployError):
    """The command line asks for something that is not there. `remedy` says what is."""

    exit_code = 2

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem}; {remedy}")


class ModelError(SnnDeployError):
    """A model or data file cannot be taken as it is."""

    exit_code = 3

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        self.where = where
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{where}: {problem}; {remedy}")


class TraceError(ModelError):
    """A module's forward does something that has no meaning here."""

    def __init__(self, module_path: str, operation: str, remedy: str) -> None:
        self.operation = operation
        super().__init__(module_path or "the model's forward", operation, remedy)


class UnsupportedError(ModelError):
    """A converter has no way to express an operation."""

    def __init__(self, node: str, operation: str, converter: str, reason: str) -> None:
        self.node = node
        self.operation = operation
        self.converter = converter
        super().__init__(node, f"the {converter} converter cannot express {operation}", reason)


class QuantizationError(ModelError):
    """A node has no exact integer form."""


class MappingError(ModelError):
    """A chip cannot express parts of a network; `complaints` lists all of them."""

    def __init__(self, target: str, complaints: Sequence[tuple[str, str, str]]) -> None:
        self.target = target
        self.complaints = tuple(complaints)
        problems = [f"{where}: {problem}" for where, problem, _ in self.complaints]
        remedies = dict.fromkeys(remedy for _, _, remedy in self.complaints)
        super().__init__(target, _listed(problems), "; ".join(remedies))


class PlacementError(ModelError):
    """A placement does not fit the network, or the trace, that it is to be simulated with."""

    def __init__(self, where: str, problem: str, wanted: str) -> None:
        super().__init__(where, problem, f"{wanted} is needed")


class CapacityError(SnnDeployError):
    """A network does not fit its target; `misfits` lists all of it, `remedy` says what helps."""

    exit_code = 4

    def __init__(
        self, target: str, misfits: Sequence[tuple[str, str, int, int]], remedy: str = ""
    ) -> None:
        self.target = target
        self.misfits = tuple(misfits)
        self.remedy = remedy
        lines = [
            f"{where}: needs {needed:,} {resource}, {target} has {limit:,}"
            for where, resource, needed, limit in self.misfits
        ]
        super().__init__("; ".join([_listed(lines), *([remedy] if remedy else [])]))


_MOST_LISTED = 30
"""Deep networks have thousands of layers that complain of the same; the error holds all of them."""


def _listed(lines: Sequence[str]) -> str:
    more = len(lines) - _MOST_LISTED
    return "; ".join([*lines[:_MOST_LISTED], *([f"and {more:,} more"] if more > 0 else [])])


class ValidationError(SnnDeployError):
    """Two executors of one graph disagree; nothing was exported."""

    exit_code = 5

    def __init__(self, stage: str, where: str, expected: object, observed: object) -> None:
        self.stage = stage
        self.where = where
        self.expected = expected
        self.observed = observed
        super().__init__(
            f"{stage}: {where}: expected {expected}, observed {observed}; "
            "nothing was exported, please report this with the model if it is not yours to mend"
        )


class MissingDependencyError(SnnDeployError):
    """An optional package is not installed."""

    exit_code = 6

    def __init__(self, user: str, package: str, extra: str) -> None:
        self.user = user
        self.package = package
        self.extra = extra
        super().__init__(f"{user} needs the package '{package}'; install snn-deploy[{extra}]")


class MissingToolError(MissingDependencyError):
    """Something that is no package is not there: a compiler, a library to be built."""

    def __init__(self, user: str, tool: str, remedy: str) -> None:
        self.user = user
        self.tool = tool
        self.remedy = remedy
        SnnDeployError.__init__(self, f"{user} needs {tool}; {remedy}")


class ExecutorError(SnnDeployError):
    """A program that runs an artefact did not come to its end."""

    exit_code = 7

    def __init__(self, program: str, problem: str, last_words: Sequence[str]) -> None:
        self.program = program
        self.problem = problem
        self.last_words = tuple(last_words)
        said = " | ".join(self.last_words) or "nothing"
        super().__init__(f"{program} {problem}; its last words: {said}")


class ConditionError(SnnDeployError):
    """Conditions that were to fail hold; `conditions` has each with the figures it rests on."""

    exit_code = 8

    def __init__(self, conditions: Sequence[tuple[str, Sequence[str]]]) -> None:
        self.conditions = tuple(conditions)
        held = [", ".join([condition, *figures]) for condition, figures in self.conditions]
        super().__init__(f"--fail-if holds: {_listed(held)}; the comparison says what changed")


class BuildError(SnnDeployError):
    """A compiler does not take sources of ours."""

    exit_code = 9

    def __init__(self, source: str, compiler: str, complaints: Sequence[str]) -> None:
        self.source = source
        self.compiler = compiler
        self.complaints = tuple(complaints)
        said = " | ".join(self.complaints) or "nothing"
        super().__init__(
            f"{source}: {compiler} does not take it, it says: {said}; name another compiler with "
            "--compiler or CXX, and please report this one"
        )


class InternalError(SnnDeployError):
    """A promise of ours is broken; never the user's fault."""

    exit_code = 70


class GraphError(InternalError):
    """A graph is malformed."""

    def __init__(self, graph: str, node: str, problem: str) -> None:
        self.graph = graph
        self.node = node
        self.problem = problem
        super().__init__(f"graph '{graph}', node '{node}': {problem}")


class PassError(InternalError):
    """A pass failed or broke its own promise."""

    def __init__(self, pass_name: str, problem: str, before: Sequence[str]) -> None:
        self.pass_name = pass_name
        self.problem = problem
        self.before = tuple(before)
        super().__init__(f"{pass_name} failed: {problem} (after {list(before)})")
