// The player: puts its parts together. Loaded by data-module of streaming/_player.html, on the watch page and wherever that
// fragment lands. The picture does not wait for the controls.

import { announce, each, store } from "./dom.js";
import { open as openDialog } from "./dialogs.js";
import { defineElements } from "./player/chrome.js";
import { Clock } from "./player/clock.js";
import { register } from "./player/keys.js";
import { Menus } from "./player/menus.js";
import { Moment } from "./player/moment.js";
import { Next } from "./player/next.js";
import { Reports } from "./player/reports.js";
import { Shuttle } from "./player/shuttle.js";
import { Source, canPlay } from "./player/source.js";
import { States } from "./player/states.js";
import { Timeline } from "./player/timeline.js";
import { readWords } from "./player/words.js";

const SKIP_S = 5;
const VOLUME_STEP = 0.1;
const NOTE_MS = 4000;
const PICTURE_FIRST_MS = 400; // so long controls stand back; of what is made on demand the picture takes longer
const VOLUME = "player-volume";

class Player {
  constructor(section) {
    const word = readWords(section);
    Object.assign(this, { section, word });
    this.video = section.querySelector("video");
    this.firstFrame = 0; // where it begins
    this.playback = null;
    this.hasControls = false;
    this.reports = new Reports(section.dataset);
  }

  async start() {
    const { section, video, word } = this;
    const isEager = section.dataset.page !== undefined;
    this.states = new States({ section, word, video, ask: (how) => this.ask(how), retry: () => this.retry() });
    this.playback = await this.#firstAnswer();
    if (!this.playback) return;
    this.#assemble();
    await this.#loadOr(this.playback, { isEager });
    if (isEager && Next.isGoingOn()) video.play().catch(() => {}); // a browser may want a press first
  }

  /** What the page brought, else what the server says; HEVC is asked for again where the browser can. */
  async #firstAnswer() {
    const embedded = this.section.dataset.page === undefined ? null : document.getElementById("playback");
    try {
      const playback = embedded ? JSON.parse(embedded.textContent) : await this.reports.playback();
      this.hevc = Boolean(playback.hevc_type && this.video.canPlayType(playback.hevc_type));
      return this.hevc ? await this.reports.playback({ hevc: true }) : playback;
    } catch (error) {
      this.states.stop({ state: "failed", message: error.message, code: "lost" });
      return null;
    }
  }

  #assemble() {
    const { section, video, word, reports, playback } = this;
    this.clock = new Clock(video, playback);
    this.shuttle = new Shuttle(video, this.clock);
    this.source = new Source(video, reports, { hasHevc: this.hevc });
    this.timeline = new Timeline(section, { video, clock: this.clock });
    this.moment = new Moment({ section, video, clock: this.clock, reports });
    this.next = new Next({ section, word, video, announce });
    this.menus = new Menus({ section, word, video, clock: this.clock, source: this.source, shuttle: this.shuttle, timeline: this.timeline });
    this.#learn(playback);
    this.#listen();
    register(this);
  }

  #learn(playback) {
    this.playback = playback;
    this.clock.learn(playback);
    this.timeline.show(playback);
    this.next.show(playback.next);
    this.menus.refresh();
    this.#showTime();
  }

  #listen() {
    const { section, video, clock, shuttle, source, states } = this;
    clock.addEventListener("frame", () => this.#showTime());
    shuttle.addEventListener("speed", () => this.#showSpeed());
    source.addEventListener("going", () => states.hide());
    source.addEventListener("waiting", ({ detail }) => states.wait(detail.retryAfter));
    source.addEventListener("stopped", ({ detail }) => states.stop(detail));
    source.addEventListener("renewed", ({ detail }) => this.#learn(detail.playback));
    video.addEventListener("playing", () => this.reports.viewed());
    this.#inviteToPlay();
    const kept = store.read(VOLUME, null);
    if (kept) Object.assign(video, kept);
    video.addEventListener("volumechange", () => store.write(VOLUME, { volume: video.volume, muted: video.muted }));
    this.#listenToJumps(section.querySelector("[data-time]"));
    section.querySelector("[data-help]").addEventListener("click", () => this.help());
    for (const button of section.querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => clock.step(Number(button.dataset.step)));
    }
  }

  /** The large button over the picture, until somebody plays or looks for a frame. */
  #inviteToPlay() {
    const { section, video } = this;
    const done = () => {
      section.dataset.played = "";
      this.source.begin();
    };
    section.querySelector("[data-start]").addEventListener("click", () => this.toggle());
    video.addEventListener("play", done, { once: true });
    this.clock.addEventListener("frame", () => this.clock.frame !== this.firstFrame && done());
  }

  /** After the first picture, if that comes soon: it shall not wait for them. Until then there are the browser's own. */
  #giveControlsSoon() {
    const { video } = this;
    const give = () => this.#giveControls();
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) give();
    video.addEventListener("loadeddata", give, { once: true });
    setTimeout(give, PICTURE_FIRST_MS);
  }

  async #giveControls() {
    if (this.hasControls) return;
    this.hasControls = true;
    await defineElements(this.word.dictionary("chrome:"));
    this.section.querySelector("media-controller").fullscreenElement = this.section;
    this.video.controls = false;
    this.timeline.addThumbnail();
    this.section.dataset.ready = "";
    for (const control of this.section.querySelectorAll("[data-step], [data-time]")) control.disabled = false;
  }

  // --- playing ------------------------------------------------------------------------------------------------------------

  /** Load what the answer names; show its state where it names nothing. */
  async #loadOr(playback, { isEager = true, frame = null } = {}) {
    const isPlayable = canPlay(this.video, playback);
    this.section.toggleAttribute("data-closed", !isPlayable && this.video.readyState === 0);
    if (!isPlayable) {
      this.video.controls = false;
      this.states.show(playback);
      return;
    }
    this.states.hide();
    const begin = frame === null ? this.moment.begin(playback) : { frame, isResumed: false };
    this.firstFrame = begin.frame;
    if (begin.isResumed) this.#say(this.word("resumed", { time: this.clock.label(begin.frame) }));
    if (isEager) this.#giveControlsSoon();
    else this.#giveControls();
    await this.source.load(playback, { at: begin.frame ? this.clock.secondsOf(begin.frame) : 0, isEager });
  }

  /** Ask the server how it is played now, and play. A question that nobody asked (`isQuiet`) keeps what is shown if it fails. */
  async ask({ isQuiet = false } = {}) {
    const isWaiting = this.states.state === "busy";
    if (isWaiting && this.source) {
      this.states.hide();
      this.source.resume();
      return;
    }
    try {
      const playback = await this.reports.playback({ hevc: this.hevc });
      if (!this.clock) {
        this.playback = playback;
        this.#assemble();
      } else this.#learn(playback);
      const hadPicture = this.video.readyState > 0;
      await this.#loadOr(playback, { frame: hadPicture ? this.clock.frame : null });
      if (!isQuiet) this.video.play().catch(() => {}); // a failure comes as an error event
    } catch (error) {
      if (isQuiet) this.states.poll();
      else this.states.stop({ state: "failed", message: error.message, code: "lost" });
    }
  }

  async retry() {
    await this.reports.retry();
    await this.ask();
  }

  // --- what is shown ----------------------------------------------------------------------------------------------------------

  #showTime() {
    const { clock } = this;
    const field = this.section.querySelector("[data-time]");
    if (field !== document.activeElement) field.value = clock.label();
    const frame = this.section.querySelector("[data-frame]");
    frame.hidden = !clock.hasRate;
    frame.textContent = this.word("frame", { frame: clock.frame.toLocaleString(document.documentElement.lang) });
  }

  #showSpeed() {
    const { speed } = this.shuttle;
    const badge = this.section.querySelector("[data-shuttle]");
    badge.hidden = Math.abs(speed) <= 1 && speed >= 0;
    badge.textContent = speed < 0 ? `◀◀ ${-speed}×` : `▶▶ ${speed}×`;
  }

  #say(words) {
    const note = this.section.querySelector("[data-note]");
    note.textContent = words;
    clearTimeout(this.noteTimer);
    this.noteTimer = setTimeout(() => (note.textContent = ""), NOTE_MS);
  }

  // --- a typed timecode -------------------------------------------------------------------------------------------------------

  #listenToJumps(field) {
    field.addEventListener("focus", () => field.select());
    field.addEventListener("blur", () => this.#leaveJump(field));
    field.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const frame = this.clock.understand(field.value);
      field.setAttribute("aria-invalid", String(frame === null));
      if (frame === null) {
        this.#say(this.word("noTimecode"));
        return;
      }
      this.video.pause();
      this.clock.seekFrame(frame);
      field.blur();
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      field.blur();
    });
  }

  #leaveJump(field) {
    field.setAttribute("aria-invalid", "false");
    field.value = this.clock.label();
  }

  // --- keys -------------------------------------------------------------------------------------------------------------------

  isOpen() {
    return !this.states.isShown;
  }

  get actions() {
    const { video, clock, shuttle } = this;
    const louder = (step) => (video.volume = Math.min(1, Math.max(0, video.volume + step)));
    return {
      " ": () => this.toggle(),
      k: () => (shuttle.speed < 0 ? shuttle.stop() : this.toggle()),
      j: () => shuttle.backward(),
      l: () => shuttle.forward(),
      ",": () => clock.step(-1),
      ".": () => clock.step(1),
      ArrowLeft: (event) => clock.skip(event.shiftKey ? -1 : -SKIP_S),
      ArrowRight: (event) => clock.skip(event.shiftKey ? 1 : SKIP_S),
      ArrowUp: () => louder(VOLUME_STEP),
      ArrowDown: () => louder(-VOLUME_STEP),
      Home: () => clock.seekFrame(0),
      End: () => clock.seekFrame(clock.lastFrame),
      t: () => this.section.querySelector("[data-time]").focus(),
      c: () => this.menus.toggleSubtitles(),
      m: () => (video.muted = !video.muted),
      f: () => this.section.querySelector("media-fullscreen-button").click(),
      p: () => this.section.querySelector("media-pip-button").click(),
      n: () => this.next.go(),
      y: () => this.section.querySelector("[data-copy-moment]").click(),
      "?": () => this.help(),
    };
  }

  toggle() {
    if (this.shuttle.speed) this.shuttle.stop();
    else if (this.video.paused) this.video.play().catch(() => {}); // a failure comes as an error event
    else this.video.pause();
  }

  help() {
    openDialog(this.section.querySelector("[data-player-help]"));
  }
}

each("[data-player]", (section) => {
  if (section.dataset.started !== undefined) return;
  section.dataset.started = "";
  new Player(section).start();
});
