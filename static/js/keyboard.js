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
  const items = [...list.querySelectorAll("[data-item], tbody > tr")];
  return items.map((item) => item.querySelector("[data-primary]") ?? item.querySelector("a[href]")).filter(Boolean);
}

/** How many items stand side by side; 1 in a table. */
function lineLength(items) {
  const top = items[0].getBoundingClientRect().top;
  const next = items.findIndex((item) => Math.abs(item.getBoundingClientRect().top - top) > 4);
  return next === -1 ? items.length : next;
}

/** The list before (-1) or after (1) this one, as its items; none beyond the first and the last. */
function neighbour(list, direction) {
  const lists = [...document.querySelectorAll("[data-list]")];
  const next = lists[lists.indexOf(list) + direction];
  return next ? itemsOf(next) : [];
}

/** The place a line further (1) or back (-1): in the same column where there is one, and on in the neighbouring list at the end. */
function lineBeyond(items, at, direction, list) {
  const line = lineLength(items);
  const lines = Math.ceil(items.length / line);
  const target = Math.floor(at / line) + direction;
  if (target >= 0 && target < lines) return items[Math.min(items.length - 1, at + direction * line)];
  const others = neighbour(list, direction);
  if (!others.length) return items[at];
  const itsLine = lineLength(others);
  const start = direction > 0 ? 0 : (Math.ceil(others.length / itsLine) - 1) * itsLine;
  return others[Math.min(others.length - 1, start + Math.min(at % line, itsLine - 1))];
}

/** The item that `key` leads to from the one at `at`; null where the key means nothing here. */
function itemBeyond(key, items, at, list) {
  const alongLine = { j: 1, k: -1, ...(lineLength(items) > 1 && { ArrowRight: 1, ArrowLeft: -1 }) }[key];
  const alongColumn = { ArrowDown: 1, ArrowUp: -1 }[key];
  const direction = alongLine ?? alongColumn;
  if (!direction) return null;
  if (at === -1) return direction > 0 ? items[0] : items.at(-1);
  if (alongColumn) return lineBeyond(items, at, direction, list);
  return items[at + direction] ?? items[at];
}

function moveCursor(event) {
  const focused = document.activeElement;
  const list = focused?.closest("[data-list]") ?? document.querySelector("[data-list]");
  if (!list) return false;
  const isInside = list.contains(focused);
  if (!isInside && event.key.startsWith("Arrow") && focused !== document.body && focused.id !== "main") return false;
  const items = itemsOf(list);
  const item = focused.closest("[data-item], tbody > tr");
  const at = items.findIndex((link) => item?.contains(link));
  const next = items.length ? itemBeyond(event.key, items, at, list) : null;
  next?.focus();
  return Boolean(next);
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
