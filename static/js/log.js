// The log of a job, or of all jobs of some kinds, as it comes (WS /ws/logs): follow, pause, least level, clear. Nothing is lost on
// reconnect: the last number seen is sent along.

import { each, text } from "./dom.js";
import { absolute, clock } from "./format.js";
import { isOneOf } from "./jobs.js";
import { connect } from "./live.js";

const MOST_LINES = 1000; // and as many details
const INFO = 20; // the level above that of details
const NEAR_END_PX = 24;
const viewers = new Map(); // section -> its viewer
const labels = new Map(); // id of a job -> what it is called, as jobs.js is told

class LogViewer {
  constructor(section) {
    this.section = section;
    this.lines = section.querySelector("[data-log-lines]");
    this.level = section.querySelector("[data-log-level]");
    this.follow = section.querySelector("[data-log-follow]");
    this.pause = section.querySelector("[data-log-pause]");
    this.held = []; // lines that came while paused
    this.last = Number(this.lines.querySelector(".log-line:last-of-type")?.dataset.seq ?? 0);
    this.level.addEventListener("change", () => this.filter());
    section.querySelector("[data-log-clear]").addEventListener("click", () => this.clear());
    this.filter();
    if ("live" in section.dataset) this.listen();
  }

  listen() {
    this.follow.addEventListener("click", () => this.setFollow(this.follow.getAttribute("aria-pressed") !== "true"));
    this.pause.addEventListener("click", () => this.setPause(this.pause.getAttribute("aria-pressed") !== "true"));
    // Who scrolls up wants to read; who scrolls to the end wants to follow again.
    this.lines.addEventListener("scroll", () => this.setFollow(this.isAtEnd(), { scroll: false }), { passive: true });
    this.scroll();
    const { log: job, kinds } = this.section.dataset;
    this.close = connect("/ws/logs", {
      query: () => ({ after: this.last, ...(job && { job }), ...(kinds && { kinds }) }),
      receive: (message) => this.receive(message.lines ?? []),
    });
  }

  receive(lines) {
    const fresh = lines.filter((line) => line.id > this.last);
    if (!fresh.length) return;
    this.last = fresh.at(-1).id;
    if (this.pause.getAttribute("aria-pressed") === "true") this.held = newest([...this.held, ...fresh], ({ level }) => level);
    else this.append(fresh);
  }

  append(lines) {
    const part = document.createDocumentFragment();
    part.append(...newest(lines, ({ level }) => level).map((line) => this.draw(line)));
    this.lines.querySelector(".log-empty").before(part);
    const all = [...this.lines.querySelectorAll(".log-line")];
    const kept = new Set(newest(all, ({ dataset }) => Number(dataset.level)));
    for (const line of all) if (!kept.has(line)) line.remove();
    this.scroll();
  }

  draw({ id, job, at, level, level_label: levelLabel, message }) {
    const line = document.createElement("div");
    line.className = "log-line";
    line.dataset.level = level;
    line.dataset.seq = id;
    line.hidden = level < Number(this.level.value);
    const moment = new Date(at);
    const time = document.createElement("time");
    time.className = "log-at";
    time.dateTime = at;
    time.title = absolute(moment);
    time.textContent = clock(moment);
    const label = document.createElement("span");
    label.className = "log-level";
    label.textContent = levelLabel;
    const words = document.createElement("span");
    words.className = "log-message";
    words.textContent = message;
    line.append(time, label, ...(this.section.dataset.kinds ? [drawJob(job)] : []), words);
    return line;
  }

  filter() {
    const least = Number(this.level.value);
    for (const line of this.lines.querySelectorAll(".log-line")) line.hidden = Number(line.dataset.level) < least;
    this.scroll();
  }

  clear() {
    this.lines.querySelectorAll(".log-line").forEach((line) => line.remove());
    this.held = [];
    this.lines.querySelector(".log-empty").textContent = text("logCleared");
  }

  isAtEnd() {
    return this.lines.scrollHeight - this.lines.scrollTop - this.lines.clientHeight < NEAR_END_PX;
  }

  scroll() {
    if (this.follow?.getAttribute("aria-pressed") === "true") this.lines.scrollTop = this.lines.scrollHeight;
  }

  setFollow(isOn, { scroll = true } = {}) {
    this.follow.setAttribute("aria-pressed", isOn);
    if (scroll) this.scroll();
  }

  setPause(isOn) {
    this.pause.setAttribute("aria-pressed", isOn);
    if (isOn) return;
    this.append(this.held);
    this.held = [];
  }
}

/** The last lines: what happens by itself each minute does not push out the news. */
function newest(lines, levelOf) {
  const counts = { details: 0, news: 0 };
  return lines.toReversed().filter((line) => (counts[levelOf(line) < INFO ? "details" : "news"] += 1) <= MOST_LINES).toReversed();
}

function drawJob(id) {
  const element = document.createElement("span");
  element.className = "log-job clip";
  element.dataset.jobLabel = id;
  nameJob(element, labels.get(id) ?? `#${id}`);
  return element;
}

function nameJob(element, label) {
  element.textContent = label;
  element.title = label;
}

/** A job's line may come before the job itself does. */
function learn({ detail: job }) {
  const isShown = [...viewers.keys()].some(({ dataset: { kinds } }) => kinds && isOneOf(kinds, job.kind));
  if (!isShown || labels.has(job.id)) return;
  const label = [job.kind_label, job.subject].filter(Boolean).join(" · ");
  labels.set(job.id, label);
  for (const element of document.querySelectorAll(`[data-job-label="${job.id}"]`)) nameJob(element, label);
}

export function start() {
  document.addEventListener("mam:job", learn);
  each("[data-log]", (section) => viewers.set(section, new LogViewer(section)));
  document.addEventListener("htmx:beforeCleanupElement", (event) => {
    viewers.get(event.target)?.close?.();
    viewers.delete(event.target);
  });
}
