// Small helpers every module uses. Events are delegated, so that fragments swapped in later need no wiring.

/** The page's texts in the reader's language (mam_ui.ui_texts). */
const texts = JSON.parse(document.getElementById("ui-texts")?.textContent ?? "{}");

/** Text `key` with its {parameters} filled. */
export function text(key, params = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => params[name] ?? whole);
}

/** Call `handler(event, element)` for `type` events on elements that match `selector`, now and later. */
export function on(type, selector, handler, options) {
  document.addEventListener(
    type,
    (event) => {
      const element = event.target instanceof Element ? event.target.closest(selector) : null;
      if (element) handler(event, element);
    },
    options,
  );
}

/** Call `handler(element)` once for every match of `selector`, in the page and in each fragment that htmx brings. */
export function each(selector, handler) {
  const seen = new WeakSet(); // htmx tells of the whole page too, once it is loaded
  const visit = (root) => {
    for (const element of [root, ...root.querySelectorAll(selector)]) {
      if (!element.matches(selector) || seen.has(element)) continue;
      seen.add(element);
      handler(element);
    }
  };
  visit(document.body);
  document.addEventListener("htmx:load", (event) => visit(event.detail.elt));
}

/** An icon of the sprite, as an element. */
export function icon(name, size = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", size ? `icon icon-${size}` : "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${document.body.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

export function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]')?.content ?? "";
}

/** POST a form's data in the background; resolves to the response, without following where it leads. */
export function post(url, data) {
  return fetch(url, { method: "POST", body: data, redirect: "manual", headers: { "X-CSRFToken": csrfToken() } });
}

/** Remember a choice for a year; read by templates/base.html, so that the next page comes right at once. */
export function setCookie(name, value) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax${secure}`;
}

/** Say something to screen readers only. */
export function announce(message) {
  const region = document.getElementById("live");
  if (region) region.textContent = message;
}

/** Focus `element`, a part of `section`, unless the reader is busy with another part of the page. */
export function focusIfFree(section, element) {
  const { activeElement: focused } = document;
  if (!focused || focused === document.body || focused.id === "main" || section.contains(focused)) element.focus();
}

/** A value kept in this browser; storage may be forbidden, then nothing is kept. */
export const store = {
  read(key, fallback) {
    try {
      return JSON.parse(localStorage.getItem(key)) ?? fallback;
    } catch {
      return fallback;
    }
  },
  write(key, value) {
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch {
      // Nothing depends on it.
    }
  },
};
