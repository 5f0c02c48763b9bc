// Short news in the corner. From JavaScript: toast({text, tone, undo}); from the server: Django messages, an out-of-band
// fragment, or the response header  HX-Trigger: {"toast": {"text": ..., "tone": ..., "undo_url": ...}}.

import { each, icon, on, text } from "./dom.js";

const STAY_MS = 6000;
const STAY_WITH_UNDO_MS = 12_000;
const ICONS = { info: "info", success: "check", warning: "alert", danger: "error" };

/** Show a toast. `undo`: a function, or `undo_url`: POSTed. Failures stay until they are closed. */
export function toast({ text: message, tone = "info", undo, undo_url: undoUrl }) {
  const element = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
  element.dataset.tone = tone;
  element.setAttribute("role", tone === "danger" ? "alert" : "status");
  element.querySelector(".icon").replaceWith(icon(ICONS[tone] ?? "info"));
  element.querySelector("[data-toast-text]").textContent = message;
  if (undo || undoUrl) element.querySelector("[data-toast-close]").before(undoButton(undo, undoUrl));
  document.getElementById("toasts").append(element);
  window.htmx?.process(element);
  watch(element);
  return element;
}

function undoButton(undo, url) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button-small";
  button.textContent = text("undo");
  button.dataset.toastUndo = "";
  if (undo) button.addEventListener("click", undo);
  else {
    button.setAttribute("hx-post", url);
    button.setAttribute("hx-swap", "none");
  }
  return button;
}

/** Close it after a while, but not while it is read (hovered, focused) and never when it tells of a failure. */
function watch(element) {
  if (element.dataset.tone === "danger" || element.dataset.watched) return;
  element.dataset.watched = "true";
  const stay = element.querySelector("[data-toast-undo]") ? STAY_WITH_UNDO_MS : STAY_MS;
  let timer;
  const arm = () => {
    clearTimeout(timer);
    timer = setTimeout(() => element.remove(), stay);
  };
  element.addEventListener("pointerenter", () => clearTimeout(timer));
  element.addEventListener("pointerleave", arm);
  element.addEventListener("focusin", () => clearTimeout(timer));
  element.addEventListener("focusout", arm);
  arm();
}

export function start() {
  on("click", "[data-toast-close], [data-toast-undo]", (_event, button) => {
    // After htmx has read the button's own request.
    setTimeout(() => button.closest("[data-toast]").remove());
  });
  document.addEventListener("toast", (event) => toast(event.detail));
  each("#toasts > [data-toast]", watch);
}
