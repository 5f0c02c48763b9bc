// The frame's own choices: narrow rail (kept by a cookie) and theme (kept by the server); and what has to fit into it.

import { each, on, post, setCookie, text } from "./dom.js";
import { toast } from "./toasts.js";

const root = document.documentElement;

function toggleRail(_event, button) {
  const collapsed = root.dataset.rail !== "collapsed";
  if (collapsed) root.dataset.rail = "collapsed";
  else delete root.dataset.rail;
  button.setAttribute("aria-pressed", collapsed);
  setCookie("rail", collapsed ? "collapsed" : "open");
}

/** Shown at once, kept by the server (account and cookie). Language is a plain form: the whole page changes. */
async function chooseTheme(event, button) {
  event.preventDefault();
  const form = button.form;
  if (button.value === "system") delete root.dataset.theme;
  else root.dataset.theme = button.value;
  form.querySelectorAll("button").forEach((other) => other.setAttribute("aria-pressed", other === button));
  button.closest("[popover]")?.hidePopover();
  const data = new FormData(form);
  data.set(button.name, button.value);
  const response = await post(form.action, data).catch(() => null);
  // The answer leads back to the page, which needs not be fetched.
  if (response?.type !== "opaqueredirect") toast({ text: text("requestFailed"), tone: "warning" });
}

/** Facets stand beside the results; where they would stand before them, they wait to be asked for. */
function closeFacets(facets) {
  if (window.matchMedia("(max-width: 60rem)").matches) facets.open = false;
}

/** Tabs that have no room side by side begin with the one that is open. */
function showTab(tab) {
  const row = tab.parentElement;
  row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
}

export function start() {
  each("[data-facets]", closeFacets);
  each(".tabs > [aria-current]", showTab);
  on("click", "[data-rail-toggle]", toggleRail);
  on("click", "[data-theme-choice] button", chooseTheme);
}
