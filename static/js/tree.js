// ARIA tree of links: one stop for Tab, arrows inside, branches loaded when first opened (htmx trigger "open").

import { each, on } from "./dom.js";

function visibleItems(tree) {
  return [...tree.querySelectorAll('[role="treeitem"]')].filter((item) => item.offsetParent);
}

function parentOf(item) {
  return item.closest('[role="group"]')?.previousElementSibling;
}

function focus(item) {
  if (!item) return;
  item.closest("[data-tree]").querySelectorAll('[role="treeitem"][tabindex="0"]').forEach((other) => (other.tabIndex = -1));
  item.tabIndex = 0;
  item.focus();
}

function setOpen(item, isOpen) {
  if (!item.hasAttribute("aria-expanded")) return;
  item.setAttribute("aria-expanded", isOpen);
  const branch = item.nextElementSibling;
  if (isOpen && branch?.hasAttribute("hx-get")) window.htmx.trigger(branch, "open");
}

function handle(event, item) {
  const items = visibleItems(item.closest("[data-tree]"));
  const at = items.indexOf(item);
  const expanded = item.getAttribute("aria-expanded");
  const moves = {
    ArrowDown: () => focus(items[at + 1]),
    ArrowUp: () => focus(items[at - 1]),
    Home: () => focus(items[0]),
    End: () => focus(items.at(-1)),
    ArrowRight: () => (expanded === "true" ? focus(items[at + 1]) : setOpen(item, true)),
    ArrowLeft: () => (expanded === "true" ? setOpen(item, false) : focus(parentOf(item))),
    " ": () => setOpen(item, expanded !== "true"),
  };
  if (!moves[event.key]) return;
  event.preventDefault();
  event.stopPropagation();
  moves[event.key]();
}

function toggle(event, mark) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return; // the link, elsewhere
  event.preventDefault(); // it stands in the item's link
  const item = mark.closest('[role="treeitem"]');
  setOpen(item, item.getAttribute("aria-expanded") !== "true");
  focus(item);
}

export function start() {
  on("keydown", '[role="treeitem"]', handle);
  on("click", "[data-tree-toggle]", toggle);
  each("[data-tree]", (tree) => {
    const first = tree.querySelector('[aria-current="page"]') ?? tree.querySelector('[role="treeitem"]');
    if (first) first.tabIndex = 0;
  });
}
