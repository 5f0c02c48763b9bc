// Cards that are put in order by dragging them. The server keeps the order and sends the list anew; buttons on each card do the same.

import { on } from "./dom.js";

let dragged = null;

function put(list, target) {
  const values = { file: dragged.dataset.file, to: target.dataset.position };
  window.htmx.ajax("POST", list.dataset.ordered, { target: "#results", values });
}

export function start() {
  on("dragstart", "[data-ordered] > [draggable]", (event, item) => {
    dragged = item;
    item.classList.add("is-dragged");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", item.dataset.file);
  });
  on("dragend", "[data-ordered] > [draggable]", (_event, item) => {
    item.classList.remove("is-dragged");
    dragged = null;
  });
  on("dragover", "[data-ordered] > [draggable]", (event, item) => {
    if (dragged?.parentElement !== item.parentElement) return;
    event.preventDefault(); // may be dropped here
    event.dataTransfer.dropEffect = "move";
  });
  on("drop", "[data-ordered] > [draggable]", (event, item) => {
    if (!dragged || dragged === item || dragged.parentElement !== item.parentElement) return;
    event.preventDefault();
    put(item.parentElement, item);
  });
}
