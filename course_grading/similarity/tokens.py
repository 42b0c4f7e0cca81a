"""Code as a list of tokens that stay the same when it is dressed up.

Pygments makes the tokens, because it also reads code that is no valid Python.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Name, String, Text

LENGTH = 12  # tokens of a piece, about two lines


@dataclass(frozen=True, slots=True)
class Token:
    """A token without what may be changed at will: names, texts and comments."""

    text: str
    line: int


def tokens_of(source: str) -> list[Token]:
    """The tokens of some code: names as "n", texts as "s", no comments, no layout.

    Names of attributes stay, as those of libraries, and so do numbers.
    """
    tokens: list[Token] = []
    line, place, before = 1, 0, ""
    for start, kind, text in PythonLexer().get_tokens_unprocessed(source):
        line, place = line + source.count("\n", place, start), start
        plain = plain_text(kind, text, after_a_dot=before == ".")
        if plain and not (plain == before == "s"):  # a text comes in several tokens
            tokens.append(Token(plain, line))
        before = plain or before
    return tokens


def plain_text(kind: Any, text: str, *, after_a_dot: bool) -> str:
    """What of a token counts, or "" where nothing does."""
    if kind in Comment or kind in Text or kind in String.Doc:
        return ""
    if kind in String:
        return "s"
    is_free = kind in Name and kind not in Name.Builtin and not after_a_dot
    return "n" if is_free else text.strip()


def pieces_of(tokens: Sequence[Token]) -> Iterator[str]:
    """Every run of `LENGTH` tokens, as one text."""
    texts = [token.text for token in tokens]
    for start in range(len(texts) - LENGTH + 1):
        yield " ".join(texts[start : start + LENGTH])
