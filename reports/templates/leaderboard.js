"use strict";
(() => {
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));

  // Sort: a click on a head orders the rows of each block that is not pinned; rows without a figure go last.
  const column = (head) => {
    let place = 0;
    for (let cell = head.previousElementSibling; cell; cell = cell.previousElementSibling) place += cell.colSpan;
    return place;
  };
  const sort = (button) => {
    const head = button.closest("th"), table = head.closest("table"), place = column(head), number = button.dataset.sort === "number";
    const down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : number && !head.matches(".rank, .hours, .c-cost");
    all("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => row.cells[place].dataset.value || "";
    const order = (a, b) => {
      const x = value(a), y = value(b);
      if (x === "" || y === "") return (x === "") - (y === "");
      const found = number ? Number(x) - Number(y) : x.localeCompare(y, "en");
      return down ? -found : found;
    };
    all("tbody:not([data-pinned])", table).forEach((body) => body.append(...Array.from(body.rows).sort(order)));
  };
  all("button[data-sort]").forEach((button) => button.addEventListener("click", () => sort(button)));

  // Hide a column of answers, or all meters.
  all("input[data-hides]").forEach((box) => {
    const show = () => all("." + box.dataset.hides, box.closest("details")).forEach((cell) => { cell.hidden = !box.checked; });
    box.addEventListener("change", show);
    show();
  });

  // Filter: every word must stand somewhere in the row.
  const input = document.getElementById("filter");
  const filter = () => {
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    all("tbody:not([data-pinned]) tr").forEach((row) => {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word));
    });
  };
  input.addEventListener("input", filter);
  filter();
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== input) { event.preventDefault(); input.focus(); }
  });
})();
