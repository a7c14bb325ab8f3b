"""How conditions are written, e.g. `delta.accuracy.integer < -0.005 or spikes.total > 9e6`.

    condition   every ("or" every)*              every      negated ("and" negated)*
    negated     "not" negated | compared         compared   sum (("<" | "<=" | ...) sum)*
    sum         product (("+" | "-") product)*   product    signed (("*" | "/") signed)*
    signed      ("-" | "+") signed | operand
    operand     number | figure | "has" "(" figure ")" | "(" condition ")"
    figure      [before. | after. | delta.] name (.name | [name of an entry])*

A figure is of the later report where nothing else is said. Nothing is called, and nothing looked up
but what stands in the reports.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

from snn_deploy.errors import UsageError

from .expressions import (
    COMPARING,
    Calculation,
    Comparison,
    Either,
    Every,
    Figure,
    Has,
    Negation,
    Negative,
    Node,
    Number,
    Where,
)

_LONGEST = 2000
_DEEPEST = 40
_LONGEST_WHOLE = 20
"""Digits of a whole number; one with more becomes a real one."""

_QUOTED = 60
"""So much of what was typed is repeated in a message."""

_FORM = (
    "give figures of report.json, numbers, + - * /, comparisons, and, or, not, has(FIGURE), "
    "before.FIGURE, delta.FIGURE"
)
_BRACKETS = "put names with dots or spaces in brackets, e.g. spikes.layers[conv3_x.0.lif].rate"


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression, understood.

    Attributes:
        expression: as it was typed.
        root: decides it.
        figures: all that are computed with.
        asked: all that `has` asks for.
    """

    expression: str
    root: Node
    figures: tuple[Figure, ...]
    asked: tuple[Figure, ...]


def parse(expression: str) -> Condition:
    """Understand a condition. Raises UsageError where it is none."""
    if len(expression) > _LONGEST:
        raise refusal(expression, f"has more than {_LONGEST:,} characters", "give two conditions")
    return _Parser(expression).condition()


def refusal(expression: str, problem: str, remedy: str) -> UsageError:
    """Return an error that names the condition."""
    return UsageError(f"--fail-if '{shortened(expression)}' {problem}", remedy)


def shortened(text: str) -> str:
    """Return what was typed as part of a line."""
    line = "".join(c if c.isprintable() else " " for c in text[: _QUOTED + 1])
    return line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…"


class _Token(NamedTuple):
    """kind: number, name, symbol or end. at: where it begins."""

    kind: str
    text: str
    at: int


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.\[])
      | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[(?:"(?:[^"\\]|\\.)*"|[^\[\]"]+)\])*)(?![\w.\[])
      | (?P<symbol><=|>=|==|!=|[-+*/<>()])
      | (?P<end>$)
    )""",
    re.VERBOSE | re.ASCII,
)
_NAMES = re.compile(r"""\.?([A-Za-z_]\w*)|\[("(?:[^"\\]|\\.)*"|[^\[\]"]+)\]""", re.ASCII)
_SIDES: Sequence[Where] = get_args(Where)
_WORDS = ("and", "or", "not", "has")


class _Parser:
    """Reads an expression from the left, a method for each rule of the grammar."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = list(self._split())
        self._next = 0
        self._depth = 0
        self._figures: list[Figure] = []
        self._asked: list[Figure] = []

    def condition(self) -> Condition:
        """Return the whole expression."""
        root = self._either()
        if self._token.kind != "end":
            raise self._unexpected("an operator, or the end")
        figures, asked = tuple(self._figures), tuple(self._asked)
        return Condition(self._expression, self._truth(root), figures, asked)

    def _split(self) -> Iterator[_Token]:
        at = 0
        while True:
            found = _TOKEN.match(self._expression, at)
            if found is None or found.lastgroup is None:
                rest = self._expression[at:].lstrip()
                named = re.match(r"[A-Za-z_.\[]", rest) is not None
                remedy = _BRACKETS if named else _FORM
                raise self._refused(f"cannot be read from here on: {shortened(rest)}", remedy)
            kind = found.lastgroup
            yield _Token(kind, found[kind], found.start(kind))
            if kind == "end":
                return
            at = found.end()

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, *texts: str) -> str:
        """Pass a symbol or a word if one of these is next; return it, or nothing."""
        token = self._token
        if token.kind == "end" or token.text not in texts:
            return ""
        self._next += 1
        return token.text

    def _either(self) -> Node:
        parts = [self._every()]
        while self._take("or"):
            parts.append(self._every())
        return Either(tuple(map(self._truth, parts))) if len(parts) > 1 else parts[0]

    def _every(self) -> Node:
        parts = [self._negated()]
        while self._take("and"):
            parts.append(self._negated())
        return Every(tuple(map(self._truth, parts))) if len(parts) > 1 else parts[0]

    def _negated(self) -> Node:
        if self._take("not"):
            return Negation(self._truth(self._nested(self._negated)))
        return self._linked(self._sum, *COMPARING)

    def _sum(self) -> Node:
        return self._linked(self._product, "+", "-")

    def _product(self) -> Node:
        return self._linked(self._signed, "*", "/")

    def _linked(self, operand: Callable[[], Node], *symbols: str) -> Node:
        """Return operands with operators of one precedence between them."""
        first, rest = operand(), []
        while symbol := self._take(*symbols):
            rest.append((symbol, self._number(operand())))
        if not rest:
            return first
        kind = Comparison if rest[0][0] in COMPARING else Calculation
        return kind(self._number(first), tuple(rest))

    def _signed(self) -> Node:
        if sign := self._take("-", "+"):
            operand = self._number(self._nested(self._signed))
            return Negative(operand) if sign == "-" else operand
        return self._operand()

    def _operand(self) -> Node:
        if self._take("("):
            inner = self._nested(self._either)
            self._close()
            return inner
        if self._take("has"):
            return self._has()
        token = self._token
        if token.kind == "number":
            self._next += 1
            return Number(self._literal(token.text))
        figure = self._figure()
        self._figures.append(figure)
        return figure

    def _has(self) -> Node:
        if not self._take("("):
            raise self._unexpected("'(' and a figure")
        figure = self._figure()
        self._close()
        self._asked.append(figure)
        return Has(figure)

    def _close(self) -> None:
        if not self._take(")"):
            raise self._unexpected("')'")

    def _figure(self) -> Figure:
        token = self._token
        if token.kind != "name" or token.text in _WORDS:
            raise self._unexpected("a figure or a number")
        self._next += 1
        names = [self._name(*found.groups()) for found in _NAMES.finditer(token.text)]
        if names[0] in _SIDES and len(names) == 1:
            raise self._refused(f"names no figure with '{names[0]}'", _FORM)
        where = next((side for side in _SIDES if side == names[0]), None)
        key = tuple(names if where is None else names[1:])
        return Figure(where or "after", key, token.text)

    def _name(self, plain: str | None, bracketed: str | None) -> str:
        if plain is not None:
            return plain
        assert bracketed is not None, "a name is plain or in brackets"
        if not bracketed.startswith('"'):
            return bracketed
        try:
            return str(json.loads(bracketed))
        except ValueError as error:
            raise self._refused(
                f"has a name that is none, {shortened(bracketed)}", _FORM
            ) from error

    def _literal(self, text: str) -> float:
        whole = text.isdigit() and len(text) <= _LONGEST_WHOLE
        number = int(text) if whole else float(text)
        if not math.isfinite(number):
            raise self._refused(f"holds {shortened(text)}, which is too large", _FORM)
        return number

    def _nested(self, rule: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._refused(f"is nested more than {_DEEPEST} deep", "give two conditions")
        inner = rule()
        self._depth -= 1
        return inner

    def _truth(self, node: Node) -> Node:
        if node.truth:
            return node
        raise self._refused("gives a number where true or false is needed", _FORM)

    def _number(self, node: Node) -> Node:
        if not node.truth:
            return node
        raise self._refused("computes with true or false", _FORM)

    def _unexpected(self, wanted: str) -> UsageError:
        token = self._token
        found = f"'{shortened(self._expression[token.at :])}'" if token.kind != "end" else "its end"
        return self._refused(f"needs {wanted} at {found}", _FORM)

    def _refused(self, problem: str, remedy: str) -> UsageError:
        return refusal(self._expression, problem, remedy)
