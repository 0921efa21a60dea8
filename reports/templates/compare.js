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
