// The player: what the native controls of <video> lack. Frame steps, keys, timecode, the moment that is remembered, and errors
// that say why. Loaded by data-module of streaming/_player.html, on the watch page and wherever that fragment lands.

import { csrfToken, each, store, text } from "./dom.js";
import { frameAt, frameNumber, label, middleOf } from "./timecode.js";

const POSITIONS = "player-positions";
const POSITIONS_KEPT = 200;
const SAVE_EVERY_S = 5;
const WORTH_RESUMING_S = 5; // nobody needs help to find the first seconds
const FINISHED_SHARE = 0.95;
const SEQUENCE_MS = 1200; // as in keyboard.js: "g l" leads to the library, so "l" is not ours after "g"
const NOTE_MS = 4000;
const DEFAULT_RATE = { num: 25, den: 1 }; // for files without a rate: a step of 40 ms

class Player {
  constructor(section) {
    this.section = section;
    this.video = section.querySelector("video");
    this.time = section.querySelector("[data-time]");
    this.note = section.querySelector("[data-note]");
    this.fault = section.querySelector(".player-fault:has([data-fault])");
    const { rateNum, rateDen, startTimecode, dropFrame } = section.dataset;
    this.hasRate = Boolean(rateNum);
    this.rate = this.hasRate ? { num: Number(rateNum), den: Number(rateDen) } : DEFAULT_RATE;
    this.isDropFrame = dropFrame !== undefined;
    this.firstFrame = frameNumber(startTimecode, this.rate, this.isDropFrame) ?? 0;
    this.shownAt = 0; // media time of the picture on the screen
    this.savedAt = -Infinity;
    this.isViewed = false;
  }

  start() {
    const { asks } = this.section.dataset;
    if (asks && !this.video.canPlayType(asks)) {
      this.refuse();
      return;
    }
    this.listen();
    this.followFrames();
    for (const control of this.section.querySelectorAll("[data-step], [data-speed]")) control.disabled = false;
    if (this.video.readyState >= HTMLMediaElement.HAVE_METADATA) this.restore();
    if (this.video.error) this.explain();
  }

  /** The browser has no decoder: show why, in place of a picture that never comes. */
  refuse() {
    this.video.removeAttribute("src");
    this.video.load();
    this.section.querySelector("[data-unsupported]").hidden = false;
    this.section.querySelector(".player-bar").hidden = true;
  }

  listen() {
    const { video, section } = this;
    video.addEventListener("loadedmetadata", () => this.restore(), { once: true });
    video.addEventListener("playing", () => this.tellViewed());
    video.addEventListener("timeupdate", () => this.save());
    video.addEventListener("seeked", () => this.showTime(video.currentTime));
    video.addEventListener("pause", () => this.keepMoment());
    video.addEventListener("ended", () => this.forget());
    video.addEventListener("error", () => this.explain());
    video.addEventListener("ratechange", () => this.showSpeed());
    section.querySelector("[data-speed]").addEventListener("change", (event) => (video.playbackRate = Number(event.target.value)));
    section.querySelector("[data-retry]").addEventListener("click", () => this.retry());
    section.querySelector("[data-watch]")?.addEventListener("click", (event) => this.takeMomentAlong(event.currentTarget));
    for (const button of section.querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => this.step(Number(button.dataset.step)));
    }
  }

  // --- time ---------------------------------------------------------------------------------------------------------

  followFrames() {
    if (!this.video.requestVideoFrameCallback) {
      this.video.addEventListener("timeupdate", () => this.showTime(this.video.currentTime));
      return;
    }
    const follow = (_now, frame) => {
      this.showTime(frame.mediaTime);
      this.video.requestVideoFrameCallback(follow);
    };
    this.video.requestVideoFrameCallback(follow);
  }

  showTime(seconds) {
    this.shownAt = seconds;
    const frame = this.firstFrame + frameAt(seconds, this.rate);
    const shown = label(frame, this.rate, this.isDropFrame);
    this.time.textContent = this.hasRate ? shown : shown.slice(0, 8);
  }

  showSpeed() {
    const select = this.section.querySelector("[data-speed]");
    select.value = String(this.video.playbackRate);
  }

  step(frames) {
    this.video.pause();
    const target = Math.max(0, frameAt(this.shownAt, this.rate) + frames);
    this.video.currentTime = middleOf(target, this.rate);
    this.shownAt = (target * this.rate.den) / this.rate.num; // the next step counts from here, even before the picture is there
  }

  skip(seconds) {
    const { video } = this;
    const end = Number.isFinite(video.duration) ? video.duration : Infinity;
    video.currentTime = Math.min(end, Math.max(0, video.currentTime + seconds));
  }

  // --- the moment ---------------------------------------------------------------------------------------------------

  restore() {
    const asked = this.section.dataset.start;
    if (asked !== undefined) {
      this.video.currentTime = Math.min(Number(asked), this.video.duration || Infinity);
      return;
    }
    const kept = store.read(POSITIONS, {})[this.section.dataset.file];
    if (!kept) return;
    this.video.currentTime = kept.at;
    const shown = label(Math.floor(kept.at), { num: 1, den: 1 }).slice(0, 8);
    this.say(this.section.dataset.textResumed.replace("{time}", shown));
  }

  save() {
    const { currentTime, duration } = this.video;
    if (Math.abs(currentTime - this.savedAt) < SAVE_EVERY_S) return;
    this.savedAt = currentTime;
    const isWorth = currentTime > WORTH_RESUMING_S && currentTime < duration * FINISHED_SHARE;
    this.write(isWorth ? { at: currentTime, on: Date.now() } : null);
  }

  forget() {
    this.write(null);
  }

  write(position) {
    const { [this.section.dataset.file]: _old, ...others } = store.read(POSITIONS, {});
    const entries = Object.entries(others).sort(([, a], [, b]) => b.on - a.on);
    if (position) entries.unshift([this.section.dataset.file, position]);
    store.write(POSITIONS, Object.fromEntries(entries.slice(0, POSITIONS_KEPT)));
  }

  /** The watch page's address names the moment, so that it can be sent to somebody. */
  keepMoment() {
    this.savedAt = -Infinity;
    this.save();
    if (this.section.dataset.page === undefined || this.video.ended) return;
    const url = new URL(location.href);
    url.searchParams.set("t", this.video.currentTime.toFixed(2));
    history.replaceState(history.state, "", url);
  }

  takeMomentAlong(link) {
    const url = new URL(link.href);
    if (this.video.currentTime) url.searchParams.set("t", this.video.currentTime.toFixed(2));
    link.href = url;
    this.video.pause();
  }

  // --- what the server should know, and what the viewer should --------------------------------------------------------

  tellViewed() {
    this.fault.hidden = true;
    if (this.isViewed) return;
    this.isViewed = true;
    tellViewed(this.section);
  }

  /** A media element says that it failed, never why: ask the server for one byte, it answers with a reason. */
  async explain() {
    const { dataset } = this.section;
    const isDecoding = [MediaError.MEDIA_ERR_DECODE, MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED].includes(this.video.error?.code);
    let reason = isDecoding ? dataset.textDecode : dataset.textNetwork;
    try {
      const response = await fetch(this.video.currentSrc || this.video.src, { headers: { Range: "bytes=0-0" } });
      if (!response.ok) reason = (await response.json()).message ?? reason;
    } catch {
      reason = isDecoding ? dataset.textDecode : text("unreachable");
    }
    this.fault.querySelector("[data-fault]").textContent = reason;
    this.fault.hidden = false;
    this.fault.querySelector("[data-retry]").focus();
  }

  retry() {
    const at = this.video.currentTime;
    this.fault.hidden = true;
    this.video.load();
    if (at) this.video.addEventListener("loadedmetadata", () => (this.video.currentTime = at), { once: true });
    this.video.play().catch(() => {}); // a failure comes as an error event
    this.video.focus();
  }

  say(note) {
    this.note.textContent = note;
    clearTimeout(this.noteTimer);
    this.noteTimer = setTimeout(() => (this.note.textContent = ""), NOTE_MS);
  }

  // --- keys ---------------------------------------------------------------------------------------------------------

  press(key) {
    const { video } = this;
    const actions = {
      " ": () => this.toggle(),
      k: () => this.toggle(),
      j: () => this.skip(-10),
      l: () => this.skip(10),
      ArrowLeft: () => this.skip(-5),
      ArrowRight: () => this.skip(5),
      ArrowUp: () => (video.volume = Math.min(1, video.volume + 0.1)),
      ArrowDown: () => (video.volume = Math.max(0, video.volume - 0.1)),
      ",": () => this.step(-1),
      ".": () => this.step(1),
      f: () => this.toggleFullScreen(),
      m: () => (video.muted = !video.muted),
    };
    const action = actions[key.length === 1 ? key.toLowerCase() : key];
    action?.();
    return Boolean(action);
  }

  toggle() {
    if (this.video.paused) this.video.play().catch(() => {});
    else this.video.pause();
  }

  toggleFullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.section.requestFullscreen?.();
  }
}

/** POST that somebody looks; nothing depends on the answer. */
function tellViewed(section) {
  fetch(section.dataset.viewed, { method: "POST", headers: { "X-CSRFToken": csrfToken() }, keepalive: true }).catch(() => {});
}

let players = [];
let prefixAt = -Infinity;

/** The player that a key is for: the one with the focus, else the only one of the page when nothing else has it. */
function playerFor(target) {
  players = players.filter((player) => player.section.isConnected);
  const focused = players.find((player) => player.section.contains(target));
  if (focused || players.length !== 1) return focused;
  return target === document.body || target.id === "main" ? players[0] : undefined;
}

function isForControl(event) {
  if (event.target.matches("input, textarea, select, [contenteditable]")) return true;
  return event.key === " " && event.target.matches("button, summary, a");
}

function handle(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isForControl(event) || document.querySelector("dialog[open], :popover-open")) return;
  const isSequence = performance.now() - prefixAt < SEQUENCE_MS;
  prefixAt = event.key === "g" ? performance.now() : -Infinity;
  if (isSequence) return;
  const player = playerFor(event.target);
  if (!player || player.fault.hidden === false || player.section.querySelector("[data-unsupported]:not([hidden])")) return;
  if (player.press(event.key)) event.preventDefault();
}

// In the capture phase: <video> has keys of its own, and lists take arrows, j and k.
document.addEventListener("keydown", handle, { capture: true });

each("[data-player]", (section) => {
  if (players.some((player) => player.section === section)) return;
  const player = new Player(section);
  players.push(player);
  player.start();
});
each("[data-player-pending]", tellViewed);
