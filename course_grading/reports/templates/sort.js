"use strict";
// The table is complete without this; it lets a column's head sort it.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, heads, head, column));
  });
}

function key(row, column) {
  const cell = row.cells[column];
  return cell.dataset.sort ?? cell.textContent.trim();
}

function sort(table, heads, head, column) {
  const ascends = head.getAttribute("aria-sort") !== "ascending";
  heads.forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", ascends ? "ascending" : "descending");
  const body = table.tBodies[0];
  const order = new Intl.Collator(undefined, { numeric: true });
  const numeric = [...body.rows].every((row) => isFinite(key(row, column)));
  const compare = numeric ? (a, b) => a - b : order.compare;
  const rows = [...body.rows].sort((a, b) => compare(key(a, column), key(b, column)));
  body.append(...(ascends ? rows : rows.reverse()));
}
