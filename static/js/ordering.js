// Items that are put in order by dragging them. The server keeps the order and sends the list anew; buttons on each item do the same.
// <ol data-ordered="URL" data-ordered-as="rule"> of <li draggable="true" data-rule="ID" data-position="0">; without a name: "file".

import { on } from "./dom.js";

let dragged = null;

/** What the items of a list are called in its requests, and in their own data attributes. */
function nameIn(list) {
  return list.dataset.orderedAs ?? "file";
}

function put(list, target) {
  const name = nameIn(list);
  const values = { [name]: dragged.dataset[name], to: target.dataset.position };
  window.htmx.ajax("POST", list.dataset.ordered, { target: "#results", values });
}

export function start() {
  on("dragstart", "[data-ordered] > [draggable]", (event, item) => {
    dragged = item;
    item.classList.add("is-dragged");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", item.dataset[nameIn(item.parentElement)]);
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
