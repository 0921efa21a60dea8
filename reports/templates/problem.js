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
