// What stands over the picture when there is none: what happens, why, how far it is, and what can be done.

import { announce, focusIfFree, icon } from "../dom.js";
import { known } from "../jobs.js";

const POLL_MS = 3000; // for viewers who may not see jobs, and in case a message was missed
const SPINNER_AFTER_MS = 400;
const WORDS_AFTER_MS = 2500;
const ICONS = { preparing: "activity", pending: "clock", busy: "server", offline: "offline", refused: "lock", failed: "error", unavailable: "alert" };
const WAITING = new Set(["preparing", "pending"]);
const ENDED = new Set(["succeeded", "failed", "cancelled"]);

/**
 * The panel of one player. `ask()` asks the server again and plays if it can; `retry()` has what failed made anew first.
 * Dispatches nothing: the player is told by calls.
 */
export class States {
  #timer;
  #job = null;
  #spinnerTimer;

  constructor({ section, word, video, ask, retry }) {
    Object.assign(this, { section, word, ask, retry });
    this.panel = section.querySelector("[data-state]");
    this.spinner = section.querySelector("[data-spinner]");
    this.panel.querySelector("[data-retry]").addEventListener("click", () => this.#again());
    document.addEventListener("mam:job", ({ detail }) => this.#follow(detail));
    for (const event of ["waiting", "seeking"]) video.addEventListener(event, () => this.#spin());
    for (const event of ["playing", "seeked", "canplay", "error"]) video.addEventListener(event, () => this.#unspin());
    this.state = this.panel.hidden ? "" : this.panel.dataset.state;
  }

  get isShown() {
    return !this.panel.hidden;
  }

  /** The state of a playback answer that names nothing to play. */
  show({ state, mode, reasons = [], job = null }) {
    const name = state === "ready" ? (mode === "unavailable" ? "unavailable" : "failed") : state;
    this.#paint(name, reasons.map(({ message }) => message));
    this.#job = job;
    this.#paintProgress(job?.progress);
    const told = known(job?.id);
    if (told) this.#follow(told);
    if (WAITING.has(name)) this.poll();
  }

  /** Something stopped while it played: `state` as above, `message` in the server's words or "". */
  stop({ state, message, code }) {
    this.#paint(state, [message || this.word(`why:${code}`)]);
    focusIfFree(this.section, this.panel.querySelector("[data-retry]"));
  }

  /** All encoders are busy: `ask` again by itself after `seconds`. */
  wait(seconds) {
    this.#paint("busy", [this.word("busyText")]);
    this.#count(seconds);
  }

  hide() {
    clearTimeout(this.#timer);
    this.#unspin();
    this.#job = null;
    this.state = "";
    this.panel.hidden = true;
  }

  #again() {
    clearTimeout(this.#timer);
    if (this.state === "failed") this.retry();
    else this.ask();
  }

  #paint(state, lines) {
    clearTimeout(this.#timer);
    this.#unspin();
    const { panel, word } = this;
    const isNew = this.state !== state;
    this.state = state;
    panel.dataset.state = state;
    panel.querySelector(".icon").replaceWith(icon(ICONS[state] ?? "error", "xl"));
    panel.querySelector("[data-state-title]").textContent = word(`state:${state}`);
    const reasons = panel.querySelector("[data-state-reasons]");
    reasons.replaceChildren(...lines.filter(Boolean).map((line) => Object.assign(document.createElement("li"), { textContent: line })));
    panel.querySelector("[data-state-count]").textContent = "";
    panel.querySelector("[data-state-progress]").hidden = true;
    panel.querySelector("[data-retry]").hidden = state === "unavailable" || WAITING.has(state);
    panel.hidden = false;
    if (isNew) announce([word(`state:${state}`), ...lines].join(" "));
  }

  // --- a job that it waits for ------------------------------------------------------------------------------------------------

  /** Ask again after a while, and show the same until then. */
  poll() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.ask({ isQuiet: true }), POLL_MS);
  }

  /** Told by jobs.js, which holds the page's one connection. */
  #follow(job) {
    if (job.id !== this.#job?.id) return;
    const { done, total } = job.progress;
    this.#paintProgress(total ? Math.min(1, done / total) : null);
    if (ENDED.has(job.state)) this.ask({ isQuiet: true });
  }

  #paintProgress(share) {
    const box = this.panel.querySelector("[data-state-progress]");
    box.hidden = !this.#job;
    const bar = box.querySelector("progress");
    if (typeof share === "number") bar.value = share;
    else bar.removeAttribute("value");
    box.querySelector("output").textContent = typeof share === "number" ? `${Math.floor(share * 100)}%` : "";
  }

  // --- waiting ----------------------------------------------------------------------------------------------------------------

  #count(seconds) {
    this.panel.querySelector("[data-state-count]").textContent = this.word("againIn", { seconds });
    if (seconds <= 0) this.ask({ isQuiet: true });
    else this.#timer = setTimeout(() => this.#count(seconds - 1), 1000);
  }

  #spin() {
    clearTimeout(this.#spinnerTimer);
    this.#spinnerTimer = setTimeout(() => {
      if (this.isShown) return;
      this.spinner.hidden = false;
      this.#spinnerTimer = setTimeout(() => (this.spinner.querySelector("[data-spinner-text]").textContent = this.word("gettingThere")), WORDS_AFTER_MS);
    }, SPINNER_AFTER_MS);
  }

  #unspin() {
    clearTimeout(this.#spinnerTimer);
    this.spinner.hidden = true;
    this.spinner.querySelector("[data-spinner-text]").textContent = "";
  }
}
