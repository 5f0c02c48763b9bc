// What every htmx request shares: the CSRF token, the thin busy line, and what is said when it fails.

import { csrfToken, text } from "./dom.js";
import { toast } from "./toasts.js";

const root = document.documentElement;
let running = 0;

function count(change) {
  running = Math.max(0, running + change);
  root.classList.toggle("is-busy", running > 0);
}

/** The server's own words ({code, message}) where it sent some, with the id to give to who helps. */
function explain(xhr) {
  const id = xhr.getResponseHeader("X-Request-ID");
  let message = text("requestFailed");
  if (xhr.getResponseHeader("Content-Type")?.includes("json")) {
    try {
      message = JSON.parse(xhr.responseText).message ?? message;
    } catch {
      // Not ours; the general words stay.
    }
  }
  return xhr.status >= 500 && id ? `${message} (${id})` : message;
}

/** Of a filter that is empty nothing needs to stand in the address. */
function leaveOutEmpty({ elt, verb, parameters }) {
  if (verb !== "get" || !elt.matches("form")) return;
  for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
}

export function start() {
  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRFToken"] = csrfToken();
    leaveOutEmpty(event.detail);
  });
  document.addEventListener("htmx:beforeRequest", () => count(1));
  document.addEventListener("htmx:afterRequest", () => count(-1));
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = event.detail;
    if (xhr.status === 401) location.reload(); // the login ended: the page leads to the login form
    else toast({ text: explain(xhr), tone: "danger" });
  });
  document.addEventListener("htmx:sendError", () => toast({ text: text("unreachable"), tone: "danger" }));
}
