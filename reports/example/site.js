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
"use strict";
// Compare two rows: data of a group comes from its own script when it is asked for, and registers itself.
globalThis.site = {
  groups: {},
  register(data) { this.groups[data.group] = data; this.show?.(); },
};
(() => {
  const form = document.getElementById("compare");
  if (!form) return;
  const [group, a, b, exam] = ["c-group", "c-a", "c-b", "c-exam"].map((id) => document.getElementById(id));
  const out = document.getElementById("compared");
  const made = (name, text, classes) => {
    const found = document.createElement(name);
    if (text !== undefined) found.textContent = text;
    if (classes) found.className = classes;
    return found;
  };
  const line = (name, cells, head = "td") => { const row = made("tr"); row.append(made("th", name, "name"), ...cells.map((cell) => cell instanceof Node ? cell : made(head, cell))); return row; };
  const figure = (value) => value === null || value === undefined ? "–" : (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(1);
  const fill = (select, values, wanted) => {
    select.replaceChildren(...values.map(([value, text]) => { const option = made("option", text); option.value = value; return option; }));
    if (values.some(([value]) => String(value) === String(wanted))) select.value = wanted;
  };
  const wanted = Object.fromEntries(location.hash.slice(1).split("&").map((part) => part.split("=").map(decodeURIComponent)));
  const between = (pairs, i, j) => {
    const found = pairs[`${Math.min(i, j)}-${Math.max(i, j)}`];
    return !found ? null : i < j ? found : [-found[0], found[2] === null ? null : -found[2], found[1] === null ? null : -found[1]];
  };
  const load = () => {
    if (site.groups[group.value]) { begin(); return; }
    const script = made("script");
    script.src = `data/${group.value}.js`;
    document.head.append(script);
  };
  const begin = () => {
    const data = site.groups[group.value], rows = data.rows.map((row, at) => [at, row]);
    fill(a, rows, wanted.a ?? data.start[0]);
    fill(b, rows, wanted.b ?? data.start[1]);
    fill(exam, data.exams.map((each, at) => [at, each.name]), wanted.exam ?? 0);
    show();
  };
  const show = () => {
    const data = site.groups[group.value], i = Number(a.value), j = Number(b.value), of = data.exams[Number(exam.value)];
    out.replaceChildren();
    if (!of) return;
    const table = made("table", undefined, "detail plain"), body = made("tbody");
    const head = line("exam", ["Δ points", "95% interval", "second better", "alike", "first better"], "th"), thead = made("thead");
    thead.append(head);
    const differences = [[`${data.primary} (primary)`, between(data.overall, i, j), null], ...data.exams.map((each) => [each.name, between(each.differences, i, j), each])];
    differences.forEach(([name, found, each]) => {
      const shares = each && each.right[i].length && each.right[j].length
        ? each.right[i].map((right, at) => each.right[j][at] / each.graded[j][at] - right / each.graded[i][at]) : [];
      const count = (test) => shares.length ? String(shares.filter(test).length) : "–";
      const bounds = found && found[1] !== null ? `${figure(found[1])} to ${figure(found[2])}` : "–";
      body.append(line(name, [figure(found ? found[0] : null), bounds, count((x) => x > 0), count((x) => x === 0), count((x) => x < 0)]));
    });
    table.append(thead, body);
    const title = made("h2", `${data.rows[j]} minus ${data.rows[i]}`);
    const boxed = (inside, said) => {
      const box = made("div", undefined, "fit");
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", said);
      box.append(inside);
      return box;
    };
    const fit = boxed(table, "Differences by exam");
    out.append(title, fit, made("h2", `${of.name}, problem by problem`));
    const problems = of.right[i].map((right, at) => [at, right, of.graded[i][at], of.right[j][at], of.graded[j][at]])
      .map(([at, r, g, s, h]) => ({ at, first: `${r}/${g}`, second: `${s}/${h}`, gap: g && h ? s / h - r / g : 0 }))
      .sort((x, y) => Math.abs(y.gap) - Math.abs(x.gap) || x.at - y.at);
    if (!problems.length || !of.right[j].length) { out.append(made("p", "One of the two did not sit this exam.", "caption")); return; }
    const listing = made("table", undefined, "detail plain"), lines = made("tbody"), top = made("thead");
    top.append(line("problem", [data.rows[i], data.rows[j], "Δ points"], "th"));
    problems.forEach((each) => {
      const name = of.problems[each.at] || `problem ${each.at + 1}`, cell = made("th", undefined, "name"), row = made("tr");
      if (of.folder) { const link = made("a", name); link.href = `${of.folder}/${each.at}.html`; cell.append(link); } else cell.textContent = name;
      row.append(cell, made("td", each.first), made("td", each.second), made("td", figure(100 * each.gap), each.gap > 0 ? "gain" : each.gap < 0 ? "loss" : ""));
      lines.append(row);
    });
    listing.append(top, lines);
    out.append(boxed(listing, "Problem by problem"));
    history.replaceState(null, "", `#group=${encodeURIComponent(group.value)}&a=${i}&b=${j}&exam=${exam.value}`);
  };
  site.show = begin;
  if (wanted.group && Array.from(group.options).some((option) => option.value === wanted.group)) group.value = wanted.group;
  group.addEventListener("change", () => { delete wanted.a; delete wanted.b; delete wanted.exam; load(); });
  [a, b, exam].forEach((select) => select.addEventListener("change", show));
  load();
})();
// A field of a problem grid leads to the answers behind it.
document.querySelectorAll("tbody[data-leads]").forEach((body) => body.addEventListener("click", (event) => {
  const cell = event.target.closest("td"), link = cell && cell.parentElement.querySelector("th a");
  if (link && cell.cellIndex > 1) location.href = `${link.getAttribute("href")}#r${cell.cellIndex - 2}`;
}));
"use strict";
// Two rows beside each other: answers of unlike verdicts where there are some, else their first, with the words marked that only one has. Text only: nothing written is ever run.
(() => {
  const place = document.getElementById("beside"), boxes = Array.from(document.querySelectorAll("input[data-beside]"));
  const LONGEST = 1500;  // words: beyond them a comparison would take long, and say little
  if (!place) return;

  const words = (text) => text.match(/\s+|[^\s]+/g) || [];
  const common = (a, b) => {  // which words of a and of b are in their longest common sequence
    const width = b.length + 1, best = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i -= 1) {
      for (let j = b.length - 1; j >= 0; j -= 1) {
        best[i * width + j] = a[i] === b[j] ? best[(i + 1) * width + j + 1] + 1 : Math.max(best[(i + 1) * width + j], best[i * width + j + 1]);
      }
    }
    const inA = new Set(), inB = new Set();
    for (let i = 0, j = 0; i < a.length && j < b.length;) {
      if (a[i] === b[j]) { inA.add(i); inB.add(j); i += 1; j += 1; }
      else if (best[(i + 1) * width + j] >= best[i * width + j + 1]) i += 1; else j += 1;
    }
    return [inA, inB];
  };
  const made = (name, text) => { const found = document.createElement(name); if (text !== undefined) found.textContent = text; return found; };
  const marked = (pieces, shared) => {
    const out = made("pre");
    out.dir = "auto";
    pieces.forEach((piece, at) => out.append(shared.has(at) || !piece.trim() ? piece : made("mark", piece)));
    return out;
  };
  const apart = (one, other) => {
    const [mine, its] = [one, other].map((row) => Array.from(row.querySelectorAll(".completion")));
    const right = (answer) => answer.classList.contains("right");
    for (const a of mine) for (const b of its) if (right(a) !== right(b)) return [a, b];
    return [mine[0], its[0]];
  };
  const show = () => {
    const chosen = boxes.filter((box) => box.checked).map((box) => document.getElementById(box.dataset.beside));
    place.hidden = chosen.length !== 2;
    place.replaceChildren();
    if (chosen.length !== 2) return;
    const answers = apart(...chosen);
    const texts = answers.map((answer) => words(((answer && answer.querySelector("pre")) || made("pre", "")).textContent));
    const long = texts.some((text) => text.length > LONGEST);
    const shared = long ? texts.map((text) => new Set(text.keys())) : common(...texts);
    place.append(made("h2", long ? "Beside each other (too long to mark what differs)" : "Beside each other"));
    const columns = made("div");
    columns.className = "columns";
    chosen.forEach((row, at) => {
      const column = made("div");
      const said = answers[at] && answers[at].querySelector(".said");
      column.append(row.querySelector("h2").cloneNode(true), said ? said.cloneNode(true) : "", marked(texts[at], shared[at]));
      columns.append(column);
    });
    place.append(columns);
    place.scrollIntoView({ block: "nearest" });
  };
  const last = [];
  boxes.forEach((box) => box.addEventListener("change", () => {
    if (box.checked) last.push(box); else last.splice(last.indexOf(box), 1);
    if (last.length > 2) last.shift().checked = false;
    show();
  }));
})();
"use strict";
// Any budget: a slider shows one of the tables that stand on the page.
document.querySelectorAll("select[data-meter]").forEach((select) => {
  const group = select.dataset.meter, all = (selector) => Array.from(document.querySelectorAll(selector));
  const sliders = all(`[data-slider^="${group}-"]`);
  const show = () => {
    sliders.forEach((label, at) => { label.hidden = String(at) !== select.value; });
    const range = sliders[Number(select.value)].querySelector("input"), wanted = `${group}-${select.value}-${range.value}`;
    all(`[data-limited^="${group}-"]`).forEach((part) => {
      part.hidden = part.dataset.limited !== wanted;
      if (!part.hidden) range.setAttribute("aria-valuetext", part.querySelector("h3").textContent);
    });
  };
  select.addEventListener("change", show);
  sliders.forEach((label) => label.querySelector("input").addEventListener("input", show));
  show();
});
