// ARIA tree of links: one stop for Tab, arrows inside, branches loaded when first opened (htmx trigger "open").

import { each, on } from "./dom.js";

function visibleItems(tree) {
  return [...tree.querySelectorAll('[role="treeitem"]')].filter((item) => item.offsetParent);
}

function parentOf(item) {
  return item.closest('[role="group"]')?.previousElementSibling;
}

// Where the focus is, Tab comes back to: also when htmx gave it (autofocus in what it loaded).
function keepStop(_event, item) {
  item.closest("[data-tree]").querySelectorAll('[role="treeitem"][tabindex="0"]').forEach((other) => (other.tabIndex = -1));
  item.tabIndex = 0;
}

function setOpen(item, isOpen) {
  if (!item.hasAttribute("aria-expanded")) return;
  item.setAttribute("aria-expanded", isOpen);
  const branch = item.nextElementSibling;
  if (!isOpen || !branch?.hasAttribute("hx-get")) return;
  window.htmx.process(branch); // just loaded itself, it may not listen yet
  window.htmx.trigger(branch, "open");
}

function handle(event, item) {
  const items = visibleItems(item.closest("[data-tree]"));
  const at = items.indexOf(item);
  const expanded = item.getAttribute("aria-expanded");
  const moves = {
    ArrowDown: () => items[at + 1]?.focus(),
    ArrowUp: () => items[at - 1]?.focus(),
    Home: () => items[0].focus(),
    End: () => items.at(-1).focus(),
    ArrowRight: () => (expanded === "true" ? items[at + 1]?.focus() : setOpen(item, true)),
    ArrowLeft: () => (expanded === "true" ? setOpen(item, false) : parentOf(item)?.focus()),
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
  item.focus();
}

export function start() {
  on("keydown", '[role="treeitem"]', handle);
  on("focusin", '[role="treeitem"]', keepStop);
  on("click", "[data-tree-toggle]", toggle);
  each("[data-tree]", (tree) => {
    const first = tree.querySelector('[aria-current="page"]') ?? tree.querySelector('[role="treeitem"]');
    if (first) first.tabIndex = 0;
  });
}
