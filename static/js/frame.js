// The frame's own choices: narrow rail, theme, language. Signed in they are kept by the account, else by a cookie.

import { on, post, setCookie, text } from "./dom.js";
import { toast } from "./toasts.js";

const root = document.documentElement;

function toggleRail(_event, button) {
  const collapsed = root.dataset.rail !== "collapsed";
  if (collapsed) root.dataset.rail = "collapsed";
  else delete root.dataset.rail;
  button.setAttribute("aria-pressed", collapsed);
  setCookie("rail", collapsed ? "collapsed" : "open");
}

async function chooseTheme(event, button) {
  event.preventDefault();
  const form = button.form;
  show(button.value);
  form.querySelectorAll("button").forEach((other) => other.setAttribute("aria-pressed", other === button));
  button.closest("[popover]")?.hidePopover();
  if (!("kept" in form.dataset)) return;
  const data = new FormData(form);
  data.set(button.name, button.value);
  const response = await post(form.action, data).catch(() => null);
  if (!response?.ok) toast({ text: text("requestFailed"), tone: "warning" });
}

function show(theme) {
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  setCookie("theme", theme);
}

function chooseLanguage(event, button) {
  if ("kept" in button.form.dataset) return; // the form is sent
  event.preventDefault();
  setCookie("django_language", button.value);
  location.reload();
}

export function start() {
  on("click", "[data-rail-toggle]", toggleRail);
  on("click", "[data-theme-choice] button", chooseTheme);
  on("click", "[data-language-choice] button", chooseLanguage);
}
