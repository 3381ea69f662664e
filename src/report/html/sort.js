"use strict";
// Tables are sorted by a click on a column's head: as numbers where all its cells begin with one, else as words.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows];
    const words = rows.map((row) => (row.cells[column] ? row.cells[column].textContent : ""));
    const numbers = words.map((word) => parseFloat(word));
    const numeric = numbers.every((number, at) => !Number.isNaN(number) || words[at] === "-" || words[at] === "");
    const order = rows.map((_, at) => at).sort((a, b) => {
      const by = numeric ? (numbers[a] || 0) - (numbers[b] || 0) : words[a].localeCompare(words[b]);
      return (down ? -by : by) || a - b;
    });
    table.tBodies[0].append(...order.map((at) => rows[at]));
  }));
}
