// Running jobs, live over WS /ws/jobs: the ring in the top bar on every page, and the bars of the pages that show jobs.

import { announce, each, text } from "./dom.js";
import * as format from "./format.js";
import { connect } from "./live.js";
import { toast } from "./toasts.js";

const REFRESH_PAUSE_MS = 800;
const ENDED = new Set(["succeeded", "failed", "cancelled"]);
const jobs = new Map(); // id -> the job as last told
const speeds = new Map(); // id -> {done, at, rate}

/** Amount per second, smoothed; null until there are two readings. */
function measure(job) {
  const now = performance.now() / 1000;
  const { done } = job.progress;
  const before = speeds.get(job.id);
  if (!before || done < before.done) {
    speeds.set(job.id, { done, at: now, rate: null });
    return null;
  }
  const seconds = now - before.at;
  if (seconds < 0.5) return before.rate;
  const latest = (done - before.done) / seconds;
  const rate = before.rate === null ? latest : 0.7 * before.rate + 0.3 * latest;
  speeds.set(job.id, { done, at: now, rate });
  return rate;
}

function paceOf(job) {
  const rate = measure(job);
  if (!rate) return "";
  const { done, total, unit } = job.progress;
  const pace = text("perSecond", { amount: format.amount(rate, unit) });
  if (total === null || total <= done) return pace;
  return `${pace} · ${text("timeLeft", { time: format.span((total - done) / rate) })}`;
}

function paint(row, job) {
  const bar = row.querySelector("progress");
  if (!bar) return;
  const { done, total, unit, note: words } = job.progress;
  if (total) bar.value = Math.min(1, done / total);
  else bar.removeAttribute("value");
  row.querySelector("[data-progress-text]").textContent = format.progress(done, total, unit);
  row.querySelector("[data-progress-rate]").textContent = paceOf(job);
  const note = row.querySelector("[data-job-note]");
  if (note) {
    note.textContent = words;
    note.title = words;
  }
}

function paintRing() {
  const link = document.querySelector("[data-jobs-ring]");
  if (!link) return;
  const running = [...jobs.values()].filter((job) => job.state === "running");
  const known = running.filter((job) => job.progress.total);
  const shares = known.map(({ progress }) => Math.min(1, progress.done / progress.total));
  const share = shares.length ? shares.reduce((sum, one) => sum + one, 0) / shares.length : null;
  const label = running.length ? text("jobsRunning", { count: running.length }) : text("noJobsRunning");
  const ring = link.querySelector(".ring");
  ring.setAttribute("aria-label", label);
  link.title = label;
  ring.querySelector("[data-ring-text]").textContent = running.length;
  ring.toggleAttribute("data-unknown", running.length > 0 && share === null);
  const dash = running.length === 0 ? 0 : share === null ? 25 : Math.floor(share * 100);
  ring.querySelector(".ring-value").setAttribute("stroke-dasharray", `${dash} 100`);
}

function tellEnd(job) {
  const message = text(job.state === "failed" ? "jobFailed" : "jobSucceeded", { subject: job.subject || job.kind_label });
  if (job.state === "failed" && job.requested_by === document.body.dataset.user) toast({ text: message, tone: "danger" });
  else if (job.state !== "cancelled") announce(message);
}

/** Whether `kinds` ("sync.,ingest.scan") names the kind of a job; "sync." stands for all that begin so. */
export function isOneOf(kinds, kind) {
  return kinds.split(",").some((name) => name === kind || (name.endsWith(".") && kind.startsWith(name)));
}

/** What somebody is typing or choosing is not taken away. */
function isBeingFilled(region) {
  const typed = [...region.querySelectorAll("textarea, input[type=text]")].some((field) => field.value !== field.defaultValue);
  return typed || Boolean(region.querySelector("textarea:focus, input:focus, select:focus"));
}

/** Fetch the part of the page that lists jobs again: states, counts and buttons are the server's to draw. With data-kinds: for those jobs only. */
let refreshTimer;
function refreshPage(job) {
  const kinds = document.getElementById("jobs-live")?.dataset.kinds;
  if (refreshTimer || (job && kinds && !isOneOf(kinds, job.kind))) return;
  refreshTimer = setTimeout(() => {
    refreshTimer = undefined;
    const region = document.getElementById("jobs-live"); // a button may have brought another one meanwhile
    if (!region) return;
    if (isBeingFilled(region)) refreshPage();
    else window.htmx.ajax("GET", location.href, { source: region, target: region, select: "#jobs-live", swap: "outerHTML" });
  }, REFRESH_PAUSE_MS);
}

/** What has ended before this connection was there may still be shown as running, or what it did not be shown at all. */
function refreshIfOld() {
  const rows = document.querySelectorAll("#jobs-live [data-job]:has(progress, [data-state=queued], [data-state=running])");
  const active = document.getElementById("jobs-live")?.dataset.active?.split(",").filter(Boolean) ?? [];
  if ([...[...rows].map((row) => row.dataset.job), ...active].some((id) => !jobs.has(Number(id)))) refreshPage();
}

/** The job as it was last told; undefined for one that has ended or was never told of. */
export function known(id) {
  return jobs.get(id);
}

function receive(message) {
  if (message.type === "snapshot") jobs.clear();
  for (const job of message.jobs) {
    const before = jobs.get(job.id);
    if (ENDED.has(job.state)) {
      jobs.delete(job.id);
      speeds.delete(job.id);
      if (before && !ENDED.has(before.state)) tellEnd(job);
    } else jobs.set(job.id, job);
    if (before?.state !== job.state && message.type !== "snapshot") refreshPage(job);
    const row = document.querySelector(`[data-job="${job.id}"]`);
    if (row) paint(row, job);
    document.dispatchEvent(new CustomEvent("mam:job", { detail: job })); // for other modules: one connection a page
  }
  if (message.type === "snapshot") refreshIfOld();
  paintRing();
}

export function start() {
  if (!document.querySelector("[data-jobs-ring]")) return;
  connect("/ws/jobs", { receive });
  each("#jobs-live", () => jobs.forEach((job) => {
    const row = document.querySelector(`[data-job="${job.id}"]`);
    if (row) paint(row, job);
  }));
}
