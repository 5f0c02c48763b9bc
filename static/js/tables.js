// Selection of rows and cards with a bulk bar, and which columns a table shows (kept in this browser).

import { each, on, store, text } from "./dom.js";

let last = null;

function boxesOf(form) {
  return [...form.querySelectorAll("[data-select]")];
}

function update(form) {
  const boxes = boxesOf(form);
  const count = boxes.filter((box) => box.checked).length;
  const bar = form.querySelector("[data-bulk]");
  if (bar) {
    bar.hidden = count === 0;
    bar.querySelector("[data-bulk-count]").textContent = text("selected", { count });
  }
  form.classList.toggle("has-selection", count > 0);
  const all = form.querySelector("[data-select-all]");
  if (all) {
    all.checked = count > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
  }
}

/** With Shift everything between this box and the one pressed before follows. */
function selectRange(event, box) {
  const form = box.closest("[data-selectable]");
  if (!form) return;
  const boxes = boxesOf(form);
  if (event.shiftKey && last && boxes.includes(last)) {
    const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
    boxes.slice(from, to + 1).forEach((other) => (other.checked = box.checked));
  }
  last = box;
  update(form);
}

function setAll(form, checked) {
  boxesOf(form).forEach((box) => (box.checked = checked));
  update(form);
}

/** Hide or show columns by their data-col, and the density. */
function applyView(menu) {
  const table = document.getElementById(menu.dataset.tableView);
  if (!table) return;
  const hidden = [...menu.querySelectorAll("[data-column]:not(:checked)")].map((box) => box.value);
  const isDense = menu.querySelector("[data-dense]").checked;
  table.querySelectorAll("[data-col]").forEach((cell) => (cell.hidden = hidden.includes(cell.dataset.col)));
  table.dataset.density = isDense ? "dense" : "normal";
  return { hidden, isDense };
}

function restoreView(menu) {
  const view = store.read(`table:${menu.dataset.tableView}`, { hidden: [], isDense: false });
  menu.querySelectorAll("[data-column]").forEach((box) => (box.checked = !view.hidden.includes(box.value)));
  menu.querySelector("[data-dense]").checked = view.isDense;
  applyView(menu);
}

export function start() {
  on("click", "[data-select]", selectRange);
  on("change", "[data-select-all]", (_event, box) => setAll(box.closest("[data-selectable]"), box.checked));
  on("click", "[data-select-none]", (_event, button) => setAll(button.closest("[data-selectable]"), false));
  on("change", "[data-table-view] input", (_event, box) => {
    const menu = box.closest("[data-table-view]");
    store.write(`table:${menu.dataset.tableView}`, applyView(menu));
  });
  on("change", "[data-submit]", (_event, control) => control.form?.requestSubmit());
  each("[data-table-view]", restoreView);
  each("[data-selectable]", update);
  // A fragment may bring new rows to a table whose columns were chosen before.
  document.addEventListener("htmx:afterSettle", () => {
    document.querySelectorAll("[data-table-view]").forEach(applyView);
    document.querySelectorAll("[data-selectable]").forEach(update);
  });
}
