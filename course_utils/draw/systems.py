"""The table of systems: what each reached, and at what price."""

import html
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from course_utils.draw.figure import emit, new_figure, show
from course_utils.draw.labels import place_labels
from course_utils.draw.style import OKABE_ITO, look
from course_utils.results import Row

# Name in a row of results -> what stands above the column, and how a value is written.
COLUMNS: Mapping[str, tuple[str, str]] = {
    "AP": ("AP", ".3f"),
    "AP50": ("AP50", ".3f"),
    "AP_small": ("AP small", ".3f"),
    "AP_medium": ("medium", ".3f"),
    "AP_large": ("large", ".3f"),
    "ms_per_image": ("ms per image", ",.1f"),
    "ms_proposals": ("to propose", ",.1f"),
    "ms_network": ("network", ",.1f"),
    "training_seconds": ("training, s", ",.0f"),
    "parameters": ("parameters", ",.0f"),
}
UNKNOWN = "–"
MARKERS = "osD^vP*X"


def chosen_rows(rows: Sequence[Row], systems: Sequence[str] | None) -> list[Row]:
    """A row a system in the wanted order; one with no more than a name if it has none.

    Raises ValueError if a system has several rows: choose a budget first.
    """
    names = list(systems) if systems is not None else [row["system"] for row in rows]
    by_name: dict[str, Row] = {}
    for row in rows:
        if row["system"] in names and row["system"] in by_name:
            raise ValueError(
                f"there are several rows of {row['system']!r}, but one was expected: "
                "choose a budget, such as read_rows('laptop')"
            )
        by_name[row["system"]] = row
    return [by_name.get(name, {"system": name}) for name in names]


def table_cells(
    rows: Sequence[Row],
    *,
    systems: Sequence[str] | None = None,
    columns: Mapping[str, tuple[str, str]] = COLUMNS,
) -> list[list[str]]:
    """The texts of the table, its head first; see `show_systems`."""
    chosen = chosen_rows(rows, systems)
    used = {
        name: column
        for name, column in columns.items()
        if any(row.get(name) is not None for row in chosen)
    }
    cells = [["system", *(head for head, _ in used.values())]]
    for row in chosen:
        values = [(row.get(name), form) for name, (_, form) in used.items()]
        texts = [UNKNOWN if v is None else format(v, form) for v, form in values]
        cells.append([row["system"], *texts])
    return cells


def show_systems(
    rows: Sequence[Row],
    *,
    systems: Sequence[str] | None = None,
    columns: Mapping[str, tuple[str, str]] = COLUMNS,
    caption: str = "",
) -> None:
    """Show a table of systems, a line each.

    Args:
        rows: as `read_rows(budget)` returns them.
        systems: which ones, in which order; those without a row stand there with
            dashes. All rows if None.
        columns: name in a row -> (head, format). A column without any value is left
            out.
        caption: a sentence above the table.
    """
    cells = table_cells(rows, systems=systems, columns=columns)
    emit(
        {
            "text/html": table_html(cells, caption),
            "text/plain": table_text(cells, caption),
        }
    )


def table_html(cells: Sequence[Sequence[str]], caption: str) -> str:
    """A table whose first line and first column are heads."""

    def head(text: str, scope: str, side: str) -> str:
        text = html.escape(text)
        return f'<th scope="{scope}" style="text-align: {side}">{text}</th>'

    first, *others = cells
    lines = [
        head(text, "col", "right" if i else "left") for i, text in enumerate(first)
    ]
    body = [
        head(name, "row", "left")
        + "".join(
            f'<td style="text-align: right">{html.escape(text)}</td>' for text in values
        )
        for name, *values in others
    ]
    above = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    rows = "".join(f"<tr>{line}</tr>" for line in body)
    return (
        f"<table>{above}<thead><tr>{''.join(lines)}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def table_text(cells: Sequence[Sequence[str]], caption: str) -> str:
    """The table in letters of one width."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            text.rjust(width) if i else text.ljust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    return "\n".join([caption] * bool(caption) + lines)


def draw_accuracy_and_time(
    ax: Axes,
    rows: Sequence[Row],
    *,
    accuracy: str = "AP",
    label: str = "",
    title: str = "",
) -> None:
    """Draw each row as a point with its name: accuracy over milliseconds an image.

    Time is on a logarithmic axis. Rows that lack one of the two are left out.

    Args:
        ax: where to draw; its size should not change afterwards.
        rows: as `read_rows(budget)` returns them.
        accuracy: which figure of a row is its height.
        label: what stands beside that axis, if not the figure's name.
        title: above the axes.
    """
    known = [
        row
        for row in rows
        if row.get(accuracy) is not None and row.get("ms_per_image") is not None
    ]
    ax.set(xscale="log", xlabel="ms per image", ylabel=label or accuracy, title=title)
    ax.margins(x=0.2)
    points = [(row["ms_per_image"], row[accuracy]) for row in known]
    for index, at in enumerate(points):
        color, marker = OKABE_ITO[index % 8], MARKERS[index % len(MARKERS)]
        ax.plot(*at, marker=marker, color=color, linestyle="")
    highest = max((height for _, height in points), default=1)
    ax.set_ylim(0, 1.2 * highest or 1)
    place_labels(ax, points, [row["system"] for row in known])


def show_accuracy_and_time(
    rows: Sequence[Row],
    *,
    alt: str,
    caption: str = "",
    accuracy: str = "AP",
    label: str = "",
) -> None:
    """Show each row as a point: accuracy over milliseconds an image."""
    fig, (ax,) = new_figure(width=5.6, height=3.6)
    with look():
        draw_accuracy_and_time(ax, rows, accuracy=accuracy, label=label)
    show(fig, alt=alt, caption=caption)
