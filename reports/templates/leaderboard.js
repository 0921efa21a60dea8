"use strict";
(() => {
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const view = new Map();  // what the reader chose, as it stands behind the # of the address
  let told = false;  // the address follows only once the reader has chosen something

  // Sort: a click on a head orders the rows of each block that is not pinned; rows without a figure go last.
  const column = (head) => {
    let place = 0;
    for (let cell = head.previousElementSibling; cell; cell = cell.previousElementSibling) place += cell.colSpan;
    return place;
  };
  const sort = (button, wanted) => {
    const head = button.closest("th"), table = head.closest("table"), place = column(head), number = button.dataset.sort === "number";
    const down = wanted ?? (head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : number && !head.matches(".rank, .hours, .c-cost"));
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
    view.set("sort", `${all("table").indexOf(table)}.${place}.${down ? "down" : "up"}`);
  };
  all("button[data-sort]").forEach((button) => button.addEventListener("click", () => { sort(button); tell(); }));

  // Hide a column of answers, or all meters.
  const boxes = all("input[data-hides]");
  const hide = (box) => all("." + box.dataset.hides, box.closest("details")).forEach((cell) => { cell.hidden = !box.checked; });
  boxes.forEach((box) => {
    box.addEventListener("change", () => {
      hide(box);
      view.set("hide", [...new Set(boxes.filter((each) => !each.checked).map((each) => each.dataset.hides))].join(","));
      tell();
    });
    hide(box);
  });

  // Filter: every word must stand somewhere in the row; and the chosen pair, exam, method and answer.
  const input = document.getElementById("filter"), choices = all("select[data-filters]");
  const filter = () => {
    const wanted = (input ? input.value : "").toLowerCase().split(/\s+/).filter(Boolean);
    const of = Object.fromEntries(choices.map((choice) => [choice.dataset.filters, choice.value]));
    all("tbody:not([data-pinned]) tr").forEach((row) => {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word))
        || Boolean(of.method && row.dataset.method !== undefined && row.dataset.method !== of.method)
        || Boolean(of.answer && row.dataset.answers !== undefined && !row.dataset.answers.split("\n").includes(of.answer));
    });
    all("[data-pair]").forEach((part) => { part.hidden = Boolean(of.pair && part.dataset.pair !== of.pair); });
    all("[data-exam]").forEach((cell) => { cell.hidden = Boolean(of.exam && cell.dataset.exam !== of.exam); });
    if (input) view.set("q", input.value);
    choices.forEach((choice) => view.set(choice.dataset.filters, choice.value));
  };
  [input, ...choices].filter(Boolean).forEach((field) => field.addEventListener("input", () => { filter(); tell(); }));

  // The view behind the #: what is chosen, and which folds are open.
  const folds = all("main details");
  folds.forEach((fold, at) => fold.addEventListener("toggle", () => {
    if (!told) return;
    view.set("open", folds.flatMap((each, place) => each.open ? [place] : []).join(","));
    tell();
  }));
  const tell = () => {
    told = true;
    const said = [...view].filter(([, value]) => value).map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
    history.replaceState(null, "", said ? "#" + said : location.pathname + location.search);
    const link = document.getElementById("permalink");
    if (link) link.href = "#" + said;
  };
  const restore = () => {
    const said = location.hash.slice(1);
    if (!said.includes("=")) return;
    const wanted = new Map(said.split("&").map((part) => part.split("=")).map(([key, value]) => [key, decodeURIComponent(value || "")]));
    if (input) input.value = wanted.get("q") || "";
    choices.forEach((choice) => { choice.value = wanted.get(choice.dataset.filters) || ""; });
    const hidden = (wanted.get("hide") || "").split(",").filter(Boolean);
    boxes.forEach((box) => { box.checked = !hidden.includes(box.dataset.hides); hide(box); });
    (wanted.get("open") || "").split(",").filter(Boolean).forEach((at) => { if (folds[at]) folds[at].open = true; });
    const [table, place, way] = (wanted.get("sort") || "").split(".");
    const button = way && all("button[data-sort]", all("table")[table]).find((each) => column(each.closest("th")) === Number(place));
    if (button) sort(button, way === "down");
    for (const [key, value] of wanted) view.set(key, value);
  };
  try { restore(); } catch { /* an address that nobody wrote down here: the page as it stands */ }
  filter();
  requestAnimationFrame(() => { told = true; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && input && !event.target.closest("input, select, textarea")) { event.preventDefault(); input.focus(); }
  });
})();
