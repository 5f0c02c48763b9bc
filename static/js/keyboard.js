// The keyboard: "/" search, "g l" and the like (data-keys of the rail's links), "?" help, lists by arrows or j and k.
// The cursor of a list is the focus of its items' links, so Enter, screen readers and the visible ring need nothing more.

import { open } from "./dialogs.js";

const SEQUENCE_MS = 1200;
let prefix = "";
let timer;

function isTyping(target) {
  return target.matches("input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]");
}

/** The links of the list that has the focus, else of the first list of the page. */
function itemsOf(list) {
  return [...list.querySelectorAll("[data-item], tbody > tr")].map((item) => item.querySelector("[data-primary], a[href]")).filter(Boolean);
}

/** How many items stand in one line of a grid; 1 in a table. */
function lineLength(items) {
  const top = items[0].getBoundingClientRect().top;
  const next = items.findIndex((item) => Math.abs(item.getBoundingClientRect().top - top) > 4);
  return next === -1 ? items.length : next;
}

function stepFor(key, items, list) {
  const line = list.hasAttribute("data-grid") ? lineLength(items) : 1;
  const isGrid = list.hasAttribute("data-grid");
  const steps = { ArrowDown: line, ArrowUp: -line, j: 1, k: -1, ArrowRight: isGrid ? 1 : 0, ArrowLeft: isGrid ? -1 : 0 };
  return steps[key] ?? 0;
}

function moveCursor(event) {
  const focused = document.activeElement;
  const list = focused?.closest("[data-list]") ?? document.querySelector("[data-list]");
  if (!list) return false;
  const isInside = list.contains(focused);
  if (!isInside && event.key.startsWith("Arrow") && focused !== document.body && focused.id !== "main") return false;
  const items = itemsOf(list);
  const step = items.length ? stepFor(event.key, items, list) : 0;
  if (!step) return false;
  const item = focused.closest("[data-item], tbody > tr");
  const at = items.findIndex((link) => item?.contains(link));
  const next = at === -1 ? (step > 0 ? 0 : items.length - 1) : Math.min(items.length - 1, Math.max(0, at + step));
  items[next].focus();
  return true;
}

function selectItem() {
  const box = document.activeElement?.closest("[data-item], tbody > tr")?.querySelector("[data-select]");
  box?.click();
  return Boolean(box);
}

function followSequence(key) {
  const keys = prefix ? `${prefix} ${key}` : key;
  clearTimeout(timer);
  prefix = "";
  const link = document.querySelector(`[data-keys="${CSS.escape(keys)}"]`);
  if (link && keys !== "/") {
    link.click();
    return true;
  }
  if (key === "g") {
    prefix = key;
    timer = setTimeout(() => (prefix = ""), SEQUENCE_MS);
    return true;
  }
  return false;
}

function focusSearch() {
  const search = document.querySelector("[data-search]");
  search?.focus();
  search?.select();
  return Boolean(search);
}

function handle(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (document.querySelector("dialog[open], .menu:popover-open") || event.target.closest('[role="tree"], video, media-controller')) return;
  const isDone =
    (event.key === "/" && focusSearch()) ||
    (event.key === "?" && (open(document.getElementById("help")), true)) ||
    (event.key === "x" && selectItem()) ||
    (!prefix && moveCursor(event)) ||
    (event.key.length === 1 && followSequence(event.key));
  if (isDone) event.preventDefault();
}

export function start() {
  document.addEventListener("keydown", handle);
}
