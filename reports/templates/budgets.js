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
