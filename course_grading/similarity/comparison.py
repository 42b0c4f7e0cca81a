"""Which submissions of a class hold the same code: for a person to look at.

Nothing here judges. Code counts as alike whatever its names, comments, layout and the
order of its functions. What the assignment gave, and what most of the class wrote, is
left out, because it says nothing about a pair.

Two submissions are as alike as the share of pieces of the shorter one that the other
has too. Every piece is kept: winnowing, which keeps some of them, saves memory that a
class does not need.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from itertools import combinations
from pathlib import Path

from course_grading.restoring.restore import Restored, restore_file
from course_grading.similarity.tokens import Token, pieces_of, tokens_of
from course_grading.submission.assignment import Assignment, released_folder
from course_grading.submission.reading import UngradableError

MIN_PIECES = 20  # of its own; a shorter submission is like any other
CLASS_SIZE = 6  # from which what more than half of the files hold is left out


@dataclass(frozen=True)
class Part:
    """A place where two submissions hold the same code.

    Attributes:
        tokens: how long it is.
        where: of the first and of the second submission, the task (or own cell) and its
            first and last line there, counted from 1.
    """

    tokens: int
    where: tuple[tuple[str, int, int], tuple[str, int, int]]


@dataclass(frozen=True)
class Pair:
    """Two submissions, and how much of their code is alike.

    Attributes:
        first, second: their paths.
        assignment: which both answer.
        score: from 0 to 1, the share of the shorter one's pieces that the other has.
        parts: the longest places that match, longest first.
    """

    first: Path
    second: Path
    assignment: str
    score: float
    parts: tuple[Part, ...] = ()


@dataclass
class Comparison:
    """What comparing a class shows.

    Attributes:
        pairs: most alike first.
        compared: how many submissions were compared.
        left_out: why, of those that could not be read.
    """

    pairs: list[Pair] = field(default_factory=list)
    compared: int = 0
    left_out: dict[Path, str] = field(default_factory=dict)


@dataclass
class Code:
    """The code of one submission.

    Attributes:
        path: its file.
        cells: the tokens of each answer and own cell, by what it is.
        pieces: those that say something about the submission.
    """

    path: Path
    cells: dict[str, list[Token]]
    pieces: set[str]


def compare(
    paths: Sequence[Path], *, top: int = 20, released: Traversable | None = None
) -> Comparison:
    """The pairs of submissions that are most alike, for each assignment on its own.

    Args:
        paths: notebook files; those that cannot be read are named in the result.
        top: how many pairs, of all assignments together.
        released: a folder of released assignments; those of the package by default.
    """
    result = Comparison()
    groups: dict[str, list[Restored]] = defaultdict(list)
    files: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        try:
            restored = restore_file(path, released if released else released_folder())
        except UngradableError as error:
            result.left_out[path] = str(error)
            continue
        groups[restored.assignment.name].append(restored)
        files[restored.assignment.name].append(path)
        result.compared += 1
    for name, group in groups.items():
        codes = own_code(files[name], group)
        found = most_alike(codes, top)
        result.pairs += [pair_of(name, a, b, score) for score, a, b in found]
    result.pairs.sort(key=lambda pair: -pair.score)
    del result.pairs[top:]
    return result


def own_code(paths: Sequence[Path], group: Sequence[Restored]) -> list[Code]:
    """The code of each submission to one assignment, and what is its own in it."""
    given = given_pieces(group[0].assignment)
    codes = []
    for path, restored in zip(paths, group, strict=True):
        cells = {label: tokens_of(text) for label, text in written_by_learner(restored)}
        found = {piece for tokens in cells.values() for piece in pieces_of(tokens)}
        codes.append(Code(path, cells, found - given))
    held = Counter(piece for code in codes for piece in code.pieces)
    if len(codes) >= CLASS_SIZE:
        usual = {piece for piece, count in held.items() if 2 * count > len(codes)}
        for code in codes:
            code.pieces -= usual
    return codes


def given_pieces(assignment: Assignment) -> set[str]:
    """The pieces of all released code cells, stubs included."""
    sources = [cell.source for cell in assignment.cells if cell.kind == "code"]
    return {piece for text in sources for piece in pieces_of(tokens_of(text))}


def written_by_learner(restored: Restored) -> Iterator[tuple[str, str]]:
    """The answers and the own cells of a submission, each with what it is."""
    own = set(restored.own)
    for cell in restored.cells:
        if cell.grade_id in restored.answers:
            yield cell.grade_id, cell.source
        elif cell.grade_id in own:
            yield f"own cell {cell.grade_id.removeprefix('own-')}", cell.source


def most_alike(codes: Sequence[Code], top: int) -> list[tuple[float, Code, Code]]:
    """The pairs with the highest scores above 0, highest first."""
    long = [code for code in codes if len(code.pieces) >= MIN_PIECES]
    scored = [(score(a, b), a, b) for a, b in combinations(long, 2)]
    scored.sort(key=lambda each: (-each[0], str(each[1].path), str(each[2].path)))
    return [each for each in scored[:top] if each[0] > 0]


def score(a: Code, b: Code) -> float:
    """The share of the shorter one's pieces that the other has too."""
    return len(a.pieces & b.pieces) / min(len(a.pieces), len(b.pieces))


def pair_of(assignment: str, a: Code, b: Code, value: float) -> Pair:
    """A pair with the places that match, longest first."""
    parts = sorted(matching_parts(a, b), key=lambda part: -part.tokens)
    return Pair(a.path, b.path, assignment, value, tuple(parts))


def matching_parts(a: Code, b: Code) -> Iterator[Part]:
    """The places of `a` that are in `b` too, one after the other."""
    shared = a.pieces & b.pieces
    places: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for label, tokens in b.cells.items():
        for start, piece in enumerate(pieces_of(tokens)):
            if piece in shared:
                places[piece].append((label, start))
    for label, tokens in a.cells.items():
        free = 0
        for start, piece in enumerate(pieces_of(tokens)):
            if start < free or piece not in places:
                continue
            ends = [
                (run_length(tokens, start, b.cells[other], there), other, there)
                for other, there in places[piece]
            ]
            length, other, there = max(ends)
            free = start + length
            where = (
                lines_of(label, tokens, start, length),
                lines_of(other, b.cells[other], there, length),
            )
            yield Part(length, where)


def run_length(a: Sequence[Token], i: int, b: Sequence[Token], j: int) -> int:
    """How many tokens agree from place `i` of `a` and place `j` of `b` on."""
    length = 0
    while i + length < len(a) and j + length < len(b):
        if a[i + length].text != b[j + length].text:
            break
        length += 1
    return length


def lines_of(
    label: str, tokens: Sequence[Token], start: int, length: int
) -> tuple[str, int, int]:
    """What a run of tokens belongs to, and its first and last line."""
    return label, tokens[start].line, tokens[start + length - 1].line
