// Copy buttons, and pictures that are not there.

import { announce, each, icon, on, text } from "./dom.js";
import { toast } from "./toasts.js";

const SHOWN_MS = 1500;

async function copy(_event, button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    toast({ text: text("copyFailed"), tone: "warning" });
    return;
  }
  announce(text("copied"));
  const before = button.querySelector(".icon");
  const done = icon("check", "sm");
  before.replaceWith(done);
  setTimeout(() => done.replaceWith(before), SHOWN_MS);
}

function hideMissing(image) {
  image.classList.add("is-missing");
}

export function start() {
  on("click", "[data-copy]", copy);
  // "error" does not bubble; some pictures have failed before this module ran.
  on("error", "img[data-poster]", (_event, image) => hideMissing(image), { capture: true });
  each("img[data-poster]", (image) => image.complete && image.naturalWidth === 0 && image.currentSrc && hideMissing(image));
}
