// Native dialogs and popover menus: opening, closing, placing, and the question before something that cannot be undone.

import { each, on } from "./dom.js";

export function open(dialog) {
  if (!dialog || dialog.open) return;
  dialog.showModal(); // focus comes back to the opener when it closes
}

/** Ask in the page's own dialog; resolves to true or false. */
export function ask(question) {
  const dialog = document.getElementById("confirm");
  dialog.querySelector("[data-confirm-text]").textContent = question;
  dialog.returnValue = "no";
  open(dialog);
  dialog.querySelector(".dialog-foot [data-close]").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** Put an opening popover beside its button, inside of the window. */
function place(menu) {
  const button = document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`);
  if (!button) return;
  const from = button.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  const gap = 4;
  const left = Math.min(Math.max(gap, from.right - size.width), innerWidth - size.width - gap);
  const below = from.bottom + gap;
  const top = below + size.height > innerHeight ? Math.max(gap, from.top - size.height - gap) : below;
  menu.style.left = `${from.left + size.width < innerWidth ? Math.max(gap, from.left) : left}px`;
  menu.style.top = `${top}px`;
}

function moveInMenu(event, menu) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const items = [...menu.querySelectorAll(".menu-item, .menu-item input")].filter((item) => item.matches("a, button, input"));
  const next = items[(items.indexOf(document.activeElement) + step + items.length) % items.length];
  next?.focus();
  event.preventDefault();
}

async function confirmThen(event, element) {
  if (element.dataset.confirmed) {
    delete element.dataset.confirmed;
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!(await ask(element.dataset.confirm))) return;
  // The list around it may have been fetched again while the question was open.
  const target = element.isConnected ? element : document.getElementById(element.id);
  if (!target) return;
  target.dataset.confirmed = "true";
  target.click();
}

export function start() {
  on("click", "[data-opens]", (_event, button) => {
    button.closest("[popover]")?.hidePopover();
    open(document.getElementById(button.dataset.opens));
  });
  on("click", "dialog [data-close]", (_event, button) => button.closest("dialog").close(button.value || ""));
  on("click", "[data-confirm-yes]", (_event, button) => button.closest("dialog").close("yes"));
  // A press on the backdrop is a press on the dialog element itself.
  on("pointerdown", "dialog", (event, dialog) => event.target === dialog && dialog.close());
  on("click", "[data-confirm]", confirmThen, { capture: true });
  document.addEventListener("htmx:confirm", async (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    if (await ask(event.detail.question)) event.detail.issueRequest(true);
  });
  each("dialog[data-open]", open);
  document.addEventListener(
    "toggle",
    (event) => {
      if (!event.target.matches?.(".menu[popover]") || event.newState !== "open") return;
      place(event.target);
      event.target.querySelector("[aria-current], [aria-pressed='true'], .menu-item")?.focus();
    },
    true,
  );
  on("keydown", ".menu[popover]", moveInMenu);
  addEventListener("resize", () => document.querySelectorAll(".menu:popover-open").forEach(place));
  addEventListener("scroll", () => document.querySelectorAll(".menu:popover-open").forEach(place), { passive: true });
}
