"""Row filters written by a person, such as ``explained_value > 0.8 and output in ('a', 'b')``: parsed, never run."""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.errors import ConfigurationError, did_you_mean
from mlops_assets.explain.columns import OUTPUT

_WHERE = "explain.where"
_ALLOWED = "comparisons of columns with numbers, texts, True, False and None, joined by and, or, not"
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: pc.equal,
    ast.NotEq: pc.not_equal,
    ast.Lt: pc.less,
    ast.LtE: pc.less_equal,
    ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
}
# Texts first, so that a backtick inside one is left alone.
_QUOTED = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|`([^`]+)`""")

_MOST_CHARACTERS, _MOST_TERMS, _DEEPEST = 100_000, 2_000, 50
"""Of a filter: what its parser and Arrow hold without trouble, and a person can still read."""
_GREATEST_INTEGER = 2**64 - 1

Columns = Mapping[str, pa.Array]


class RowFilter:
    """A boolean expression over named columns.

    Column names that are no Python names are quoted with backticks: `` `mean radius` > 20``. A missing value, null or
    NaN, compares to nothing: a row for which the expression is null is left out (``x is None`` asks for missing ones).
    Literals are compared in the type of the column: 0.1 equals the 0.1 of a column of single precision, and a text is
    the date or time that it names.

    Parameters
    ----------
    text
        The expression.

    Raises
    ------
    ConfigurationError
        It is not an expression, contains anything but comparisons, ``and``, ``or``, ``not``, columns and literals, or
        is beyond a limit: 100,000 characters, 2,000 terms, 50 levels of parentheses and ``not``, integers of 64 bits.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        _check_size(text)
        self._quoted: dict[str, str] = {}
        try:
            tree = ast.parse(_QUOTED.sub(self._hide, text).strip(), mode="eval")
        except RecursionError as error:
            raise _too_much(f"more than {_DEEPEST} levels of parentheses and `not`") from error
        except MemoryError as error:
            # What CPython's parser says of an expression that is nested too deep.
            raise _too_much(f"more than {_DEEPEST} levels of parentheses and `not`") from error
        except (SyntaxError, ValueError) as error:
            raise ConfigurationError(
                f"The row filter is no expression ({error.args[0]})", where=_WHERE, fix=f"Write {_ALLOWED}"
            ) from error
        _check_shape(tree.body)
        self.columns: frozenset[str] = frozenset(
            self._name(node) for node in ast.walk(tree) if isinstance(node, ast.Name)
        )
        self._root = tree.body
        self._check(self._root)

    @property
    def normalized(self) -> str:
        """The same for expressions that differ in blanks, quotes and parentheses alone."""
        return re.sub(r"'_quoted_\d+'", lambda hidden: repr(self._quoted[hidden.group()[1:-1]]), ast.dump(self._root))

    def check_columns(self, known: Mapping[str, Any] | frozenset[str]) -> None:
        """Raise ConfigurationError unless every column of the expression is one of `known`."""
        for name in sorted(self.columns - set(known)):
            raise ConfigurationError(
                f"The row filter names an unknown column, {name!r}{did_you_mean(name, known)}",
                where=_WHERE,
                fix="Use the row key, an input column, `explained_value` or `output`",
            )

    def mask(self, columns: Columns) -> pa.BooleanArray:
        """True for the rows that pass; never null.

        Raises
        ------
        ConfigurationError
            A column and a literal cannot be compared.
        """
        result = self._evaluate(self._root, columns)
        return pc.fill_null(result, False)

    def _hide(self, match: "re.Match[str]") -> str:
        if match.group(1):
            return match.group(1)
        hidden = f"_quoted_{len(self._quoted)}"
        self._quoted[hidden] = match.group(2)
        return f" {hidden} "

    def _name(self, node: ast.Name) -> str:
        return self._quoted.get(node.id, node.id)

    def _check(self, node: ast.expr) -> None:
        if isinstance(node, ast.BoolOp):
            for part in node.values:
                self._check(part)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self._check(node.operand)
        elif isinstance(node, ast.Compare):
            for operator, right in zip(node.ops, node.comparators, strict=True):
                self._check_comparison(operator, right)
            self._check_operand(node.left)
        else:
            raise _refused(node)

    def _check_comparison(self, operator: ast.cmpop, right: ast.expr) -> None:
        if isinstance(operator, ast.In | ast.NotIn):
            if not isinstance(right, ast.Tuple | ast.List):
                raise _refused(right)
            for item in right.elts:
                _literal(item)
        elif isinstance(operator, ast.Is | ast.IsNot):
            if _literal(right) is not None:
                raise _refused(right)
        else:
            self._check_operand(right)

    def _check_operand(self, node: ast.expr) -> None:
        if not isinstance(node, ast.Name) and _literal(node) is None:
            raise ConfigurationError("The row filter compares with None", where=_WHERE, fix="Write `column is None`")

    def _evaluate(self, node: ast.expr, columns: Columns) -> Any:
        if isinstance(node, ast.BoolOp):
            combine = pc.and_kleene if isinstance(node.op, ast.And) else pc.or_kleene
            result = self._evaluate(node.values[0], columns)
            for part in node.values[1:]:
                result = combine(result, self._evaluate(part, columns))
            return result
        if isinstance(node, ast.UnaryOp):
            return pc.invert(self._evaluate(node.operand, columns))
        assert isinstance(node, ast.Compare)
        result, left = None, node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            one = self._compare(operator, left, right, columns)
            result = one if result is None else pc.and_kleene(result, one)
            left = right
        return result

    def _compare(self, operator: ast.cmpop, left: ast.expr, right: ast.expr, columns: Columns) -> Any:
        rows = len(next(iter(columns.values())))
        try:
            if isinstance(operator, ast.Is | ast.IsNot):
                missing = pc.is_null(_column(self._operand(left, columns), rows), nan_is_null=True)
                return missing if isinstance(operator, ast.Is) else pc.invert(missing)
            if isinstance(operator, ast.In | ast.NotIn):
                assert isinstance(right, ast.Tuple | ast.List)
                tested = _column(self._operand(left, columns), rows)
                among = _is_among(tested, [self._literal_for(left, item) for item in right.elts])
                return among if isinstance(operator, ast.In) else pc.invert(among)
            one, other = self._operand(left, columns, right), self._operand(right, columns, left)
            one, other = _typed(one, other), _typed(other, one)
            return _column(_COMPARISONS[type(operator)](one, other), rows)
        except OverflowError as error:
            raise _too_large() from error
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"The row filter compares a column with something of another type: {ast.unparse(left)} with"
                f" {ast.unparse(right)}",
                where=_WHERE,
                fix="Compare numbers with numbers and texts with quoted texts",
            ) from error

    def _operand(self, node: ast.expr, columns: Columns, other: ast.expr | None = None) -> Any:
        if isinstance(node, ast.Name):
            return _without_nan(columns[self._name(node)])
        value = self._literal_for(other, node)
        kind = columns[self._name(other)].type if isinstance(other, ast.Name) else None
        return pa.scalar(value, kind if _is_unsigned(kind, value) or _is_single(kind, value) else None)

    def _literal_for(self, column: ast.expr | None, node: ast.expr) -> Any:
        """A literal as the column has it: outputs are names, and a class label is written as text or as it is."""
        value = _literal(node)
        named = isinstance(column, ast.Name) and self._name(column) == OUTPUT and value is not None
        return str(value) if named else value


def _check_size(text: str) -> None:
    """Refuse before it is parsed what a parser may not survive."""
    if len(text) > _MOST_CHARACTERS:
        raise _too_much(f"{len(text)} characters; {_MOST_CHARACTERS} is the most")
    outside = re.sub(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`""", "", text)
    if re.search(r"\d{4000}", outside):
        raise _too_large()
    depth = deepest = 0
    for character in outside:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    if deepest > _DEEPEST or max(map(len, re.findall(r"(?:\bnot\b\s*|[-+~]\s*)+", outside)), default=0) > 5 * _DEEPEST:
        raise _too_much(f"more than {_DEEPEST} levels of parentheses, signs and `not`")


def _check_shape(root: ast.expr) -> None:
    """Refuse what is too deep or too long to be evaluated; without recursion, as it may be deep."""
    terms, level = 0, [root]
    for _ in range(_DEEPEST + 3):
        if not level:
            return
        terms += sum(isinstance(node, ast.Compare | ast.Constant | ast.Name) for node in level)
        if terms > 3 * _MOST_TERMS:
            raise _too_much(f"more than {_MOST_TERMS} terms")
        for node in level:
            _check_number(node)
        level = [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if level:
        raise _too_much(f"more than {_DEEPEST} levels of parentheses and `not`")


def _check_number(node: ast.expr) -> None:
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, int) and value > _GREATEST_INTEGER:
        raise _too_large()
    if isinstance(value, str) and not value.isprintable() and any(0xD800 <= ord(each) <= 0xDFFF for each in value):
        raise ConfigurationError(
            "The row filter holds half of a surrogate pair, which no text can hold", where=_WHERE, fix="Correct it"
        )


def _too_large() -> ConfigurationError:
    return ConfigurationError(
        "The row filter holds an integer that no column can hold",
        where=_WHERE,
        fix="Write one of 64 bits, or a fraction such as 1e30",
    )


def _too_much(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"The row filter is too long: {what}",
        where=_WHERE,
        fix="Write a shorter one: `column in (1, 2, 3)` in place of many comparisons joined by or",
    )


def _literal(node: ast.expr) -> Any:
    """The value of a literal: a number (with a sign), a text, True, False or None."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _literal(node.operand)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return -value if isinstance(node.op, ast.USub) else value
    elif isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, int | float | str)):
        return node.value
    raise _refused(node)


def _is_unsigned(kind: pa.DataType | None, value: object) -> bool:
    """Whether a literal is an integer of a column's own type that Arrow would not find by itself."""
    return kind == pa.uint64() and isinstance(value, int) and not isinstance(value, bool) and value >= 2**63


def _is_single(kind: pa.DataType | None, value: object) -> bool:
    """Whether a literal is a number to be compared in fewer digits than Python's."""
    return kind in (pa.float16(), pa.float32()) and isinstance(value, int | float) and not isinstance(value, bool)


def _without_nan(values: Any) -> Any:
    """With null in place of NaN, which is missing as well."""
    if not pa.types.is_floating(values.type) or not pc.any(pc.is_nan(values)).as_py():
        return values
    return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)


def _is_among(values: pa.Array, items: list[Any]) -> pa.Array:
    """Whether each value is one of the literals, compared as `==` does; null where it is missing."""
    kind, known = values.type, [item for item in items if item is not None]
    if pa.types.is_dictionary(kind):
        return _is_among(values.cast(kind.value_type), items)
    if pa.types.is_decimal(kind) or (pa.types.is_integer(kind) and any(isinstance(item, float) for item in known)):
        return _is_among(values.cast(pa.float64(), safe=False), [float(item) for item in known])
    if pa.types.is_integer(kind):
        # What the type cannot hold is none of its values.
        bits, signed = kind.bit_width, pa.types.is_signed_integer(kind)
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
        known = [item for item in known if not isinstance(item, int) or low <= item < high]
    texts = pa.types.is_temporal(kind)
    choices = pa.array(known, pa.string()).cast(kind) if texts else pa.array(known, kind)
    among = pc.is_in(values, value_set=choices)
    return pc.if_else(pc.is_null(values), pa.scalar(None, pa.bool_()), among)


def _typed(value: Any, other: Any) -> Any:
    """A text literal as the other side's date or time; everything else as it is."""
    if isinstance(value, pa.Scalar) and pa.types.is_string(value.type) and pa.types.is_temporal(other.type):
        return value.cast(other.type)
    return value


def _column(value: Any, rows: int) -> Any:
    return pa.repeat(value, rows) if isinstance(value, pa.Scalar) else value


def _refused(node: ast.expr) -> ConfigurationError:
    return ConfigurationError(
        f"The row filter contains a {type(node).__name__}, which is not allowed", where=_WHERE, fix=f"Write {_ALLOWED}"
    )
