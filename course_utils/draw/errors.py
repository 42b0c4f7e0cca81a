"""Bars of the kinds of errors that detectors make, side by side."""

from collections.abc import Mapping

from course_utils.draw.parts import show_parts

Counts = Mapping[str, Mapping[str, float]]


def error_shares(counts: Counts) -> dict[str, dict[str, float]]:
    """Each system's kinds in percent of all its objects, without kinds nobody has.

    Args:
        counts: for each system, the numbers that `count_errors` returns, or percents.

    Raises ValueError if a system has none at all: there is nothing to take a part of.
    """
    empty = [name for name, kinds in counts.items() if not sum(kinds.values()) > 0]
    if empty:
        raise ValueError(
            f"all counts of {empty} are 0, but at least one object was expected: "
            "count the errors on images that hold objects"
        )
    names = dict.fromkeys(name for kinds in counts.values() for name in kinds)
    used = [n for n in names if any(kinds.get(n, 0) > 0 for kinds in counts.values())]
    return {
        system: {n: 100 * kinds.get(n, 0) / sum(kinds.values()) for n in used}
        for system, kinds in counts.items()
    }


def show_errors(counts: Counts, *, alt: str, caption: str = "") -> None:
    """Show a bar for each system, made of the kinds of its detections in percent."""
    shares = error_shares(counts)
    show_parts(shares, alt=alt, caption=caption, unit="% of the objects' number")
