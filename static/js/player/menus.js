// The menus of the player: quality, sound, subtitles, speed, chapters. Each shows itself only where there is something to choose.

import { icon } from "../dom.js";

const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 4];
const ROUNDED_MS = 0.6; // chapters begin at whole milliseconds, which may lie half of one before the frame

export class Menus {
  constructor({ section, word, video, clock, source, shuttle, timeline }) {
    Object.assign(this, { section, word, video, clock, source, shuttle, timeline });
    source.addEventListener("tracks", () => this.refresh());
    video.addEventListener("ratechange", () => this.#showSpeeds());
  }

  refresh() {
    this.#showQualities();
    this.#showSounds();
    this.#showSubtitles();
    this.#showSpeeds();
    this.#showChapters();
  }

  /** Subtitles off, or those on that were on last. For a key. */
  toggleSubtitles() {
    const stream = this.source.stream;
    if (!stream?.subtitleTracks.length) return;
    stream.subtitleTrack = stream.subtitleTrack === -1 ? (this.lastSubtitle ?? 0) : -1;
  }

  #showQualities() {
    const { stream } = this.source;
    const levels = stream?.levels ?? [];
    const shown = levels.find(({ index }) => index === stream.shownLevel);
    const auto = { text: shown ? this.word("autoNow", { quality: nameOf(shown) }) : this.word("auto"), value: -1 };
    const items = levels.map((level) => ({ text: nameOf(level), value: level.index }));
    this.#fill("quality", levels.length > 1 ? [auto, ...items] : [], stream?.chosenLevel, (index) => stream.chooseLevel(index));
    this.#label("quality", stream?.chosenLevel === -1 ? this.word("auto") : shown ? nameOf(shown) : "");
  }

  #showSounds() {
    const { source } = this;
    const items = source.sounds.map(({ index, name, language }) => ({ text: name || languageName(language) || this.word("track", { number: index + 1 }), value: index }));
    this.#fill("audio", items.length > 1 ? items : [], source.sound, (index) => source.chooseSound(index));
  }

  #showSubtitles() {
    const { stream } = this.source;
    const tracks = stream?.subtitleTracks ?? [];
    if (stream && stream.subtitleTrack !== -1) this.lastSubtitle = stream.subtitleTrack;
    const items = tracks.map(({ index, name, language }) => ({ text: name || languageName(language) || this.word("track", { number: index + 1 }), value: index }));
    const off = { text: this.word("off"), value: -1 };
    this.#fill("subtitles", items.length ? [off, ...items] : [], stream?.subtitleTrack, (index) => (stream.subtitleTrack = index));
  }

  #showSpeeds() {
    const { video, shuttle } = this;
    const items = SPEEDS.map((speed) => ({ text: `${speed}×`, value: speed }));
    this.#fill("speed", items, video.playbackRate, (speed) => {
      shuttle.normal = speed;
      video.playbackRate = speed;
    });
    this.#label("speed", `${video.playbackRate}×`);
  }

  #showChapters() {
    const items = this.timeline.chapters.map(({ start_ms: start, title }) => {
      const frame = this.clock.frameOf((start + ROUNDED_MS) / 1000);
      return { text: title || this.word("chapter"), note: this.clock.label(frame), value: frame };
    });
    this.#fill("chapters", items, undefined, (frame) => this.clock.seekFrame(frame));
  }

  #label(name, text) {
    this.section.querySelector(`[data-menu-label="${name}"]`).textContent = text;
  }

  #fill(name, items, chosen, choose) {
    const box = this.section.querySelector(`[data-menu="${name}"]`);
    box.closest("[data-menu-box]").hidden = !items.length;
    const key = JSON.stringify([items, chosen]);
    if (box.dataset.shown === key) return; // a menu that is open keeps its focus
    box.dataset.shown = key;
    const hadFocus = [...box.children].indexOf(document.activeElement);
    box.replaceChildren(...items.map((item) => this.#item(item, chosen, choose)));
    if (hadFocus !== -1) box.children[hadFocus]?.focus();
  }

  #item({ text, note, value }, chosen, choose) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "menu-item" });
    if (chosen !== undefined) button.setAttribute("aria-pressed", String(value === chosen));
    const words = document.createElement("span");
    words.textContent = text;
    button.append(words);
    if (note) {
      const aside = document.createElement("span");
      Object.assign(aside, { className: "mono muted small", textContent: note });
      button.append(aside);
    }
    const mark = icon("check", "sm");
    mark.classList.add("menu-mark");
    if (chosen !== undefined) button.append(mark);
    button.addEventListener("click", () => {
      button.closest("[popover]").hidePopover(); // before the choice writes the menu anew
      choose(value);
    });
    return button;
  }
}

function nameOf({ height, bitrate }) {
  return height ? `${height}p` : `${Math.round(bitrate / 1000)} kbps`;
}

function languageName(code) {
  if (!code || code === "und") return "";
  try {
    return new Intl.DisplayNames(document.documentElement.lang, { type: "language" }).of(code);
  } catch {
    return code; // not a language tag
  }
}
