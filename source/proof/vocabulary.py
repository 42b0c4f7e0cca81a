"""What is easily mistaken for what, in code about boxes: the words of the operators."""

import ast

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}

ARITHMETIC: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Div, ast.Mult),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitOr,),
}
# Their sides may not be swapped without a change.
ORDERED = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult)

# Functions, methods and dtypes.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "min": ("max",),
    "max": ("min",),
    "amin": ("amax",),
    "amax": ("amin",),
    "minimum": ("maximum",),
    "maximum": ("minimum",),
    "argmin": ("argmax",),
    "argmax": ("argmin",),
    "any": ("all",),
    "all": ("any",),
    "sum": ("mean", "amax"),
    "mean": ("sum",),
    "prod": ("sum",),
    "std": ("var",),
    "cumsum": ("cumprod",),
    "floor": ("ceil",),
    "ceil": ("floor",),
    "zeros": ("ones",),
    "ones": ("zeros",),
    "zeros_like": ("ones_like",),
    "ones_like": ("zeros_like",),
    "new_zeros": ("new_ones",),
    "new_ones": ("new_zeros",),
    "exp": ("log",),
    "log": ("exp", "log2"),
    "sqrt": ("square",),
    "square": ("abs",),
    "abs": ("square",),
    "float32": ("int64",),
    "int64": ("float32",),
    "bool": ("int64",),
}
# Built-in functions, which stand as bare names.
BUILTINS: dict[str, tuple[str, ...]] = {
    "min": ("max",),
    "max": ("min",),
    "any": ("all",),
    "all": ("any",),
    "int": ("round",),
    "reversed": ("list",),
}
KEYWORDS = {"min": "max", "max": "min"}
STRINGS = {"sum": "mean", "mean": "sum", "ij": "xy", "xy": "ij"}

# Calls that may be replaced by one of their arguments alone.
CHOOSING = {
    *("abs", "float", "int", "max", "min", "reversed", "round", "sorted"),
    *("ceil", "exp", "floor", "log", "log2", "sqrt"),
    *("maximum", "minimum", "prod", "where"),
}
# Calls whose result does not depend on the order of their arguments.
SYMMETRIC = {"max", "maximum", "min", "minimum", "gcd", "lcm"}
RANGES = {"range", "arange"}
# Settings that change nothing in a right answer, for any lesson.
SETTINGS_WITHOUT_EFFECT = {"strict"}

# Parts of names that are confused with each other.
OPPOSITES = [
    *(("x", "y"), ("i", "j"), ("a", "b"), ("1", "2")),
    *(("height", "width"), ("row", "column"), ("rows", "columns")),
    *(("low", "high"), ("first", "last"), ("start", "end"), ("starts", "ends")),
    *(("left", "right"), ("top", "below"), ("top", "left"), ("below", "right")),
    *(("centre", "size"), ("centres", "sides"), ("positive", "negative")),
    *(("before", "after"), ("objects", "background"), ("means", "deviations")),
    *(("proposals", "objects"), ("loss", "slope"), ("scores", "labels")),
]


def opposites(name: str) -> set[str]:
    """Names that one mistakes for this one, whether or not they exist."""
    found = set()
    parts = name.split("_")
    for one, other in [*OPPOSITES, *((b, a) for a, b in OPPOSITES)]:
        for i, part in enumerate(parts):
            if part == one:
                found.add("_".join([*parts[:i], other, *parts[i + 1 :]]))
            elif len(one) == 1 and len(part) == 2 and one in part:  # x1, y2
                found.add("_".join([*parts[:i], part.replace(one, other)]))
    return found - {name}
