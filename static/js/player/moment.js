// The moment: where the viewer stopped, the one an address names, and the address of the one on the screen.

import { text } from "../dom.js";

const SAVE_EVERY_MS = 10_000;
const REST_MS = 150; // until a picture rests; browsers bear so many new addresses
const WORTH_RESUMING_MS = 5_000; // nobody needs help to find the first seconds

export class Moment {
  #savedMs = null;
  #timer = 0;
  #asked = new URLSearchParams(location.search).get("t");

  constructor({ section, video, clock, reports }) {
    Object.assign(this, { section, video, clock, reports });
    this.isPage = section.dataset.page !== undefined;
    video.addEventListener("timeupdate", () => this.#save(SAVE_EVERY_MS));
    video.addEventListener("pause", () => setTimeout(() => this.#save(0), REST_MS)); // one more picture may come after it
    video.addEventListener("play", () => this.#unname());
    for (const [target, event] of [[video, "pause"], [clock, "frame"]]) target.addEventListener(event, () => this.#nameSoon());
    addEventListener("pagehide", () => this.#save(0));
    section.querySelector("[data-copy-moment]").addEventListener("click", (event) => this.#offer(event.currentTarget), { capture: true });
    section.querySelector("[data-watch]")?.addEventListener("click", (event) => this.#takeAlong(event.currentTarget));
  }

  /** Where to begin: {frame, isResumed}. An address' moment comes before the one that was kept. */
  begin({ position_ms: positionMs }) {
    const asked = this.#asked === null ? null : this.clock.frameOfAddress(this.#asked);
    if (asked !== null) return { frame: Math.min(asked, this.clock.lastFrame), isResumed: false };
    if (positionMs < WORTH_RESUMING_MS) return { frame: 0, isResumed: false };
    return { frame: this.clock.frameOf(positionMs / 1000), isResumed: true };
  }

  /** The address of this page, or of the watch page, at the frame on the screen. */
  address() {
    const url = new URL(this.section.dataset.watchUrl, location.href);
    // ":" instead of ";": chats cut an address at a semicolon, and labels are understood with either.
    url.search = `t=${this.clock.label().replaceAll(";", ":")}`;
    return url;
  }

  #save(apartMs) {
    const { positionMs } = this.clock;
    if (this.video.readyState === 0 || (positionMs < WORTH_RESUMING_MS && this.#savedMs === null)) return;
    if (Math.abs(positionMs - (this.#savedMs ?? 0)) <= apartMs) return;
    this.#savedMs = positionMs;
    this.reports.position(positionMs);
  }

  /** The watch page's address names the moment, so that it can be sent to somebody; once the picture rests: one may come after the pause. */
  #nameSoon() {
    clearTimeout(this.#timer);
    if (!this.isPage || !this.video.paused) return;
    this.#timer = setTimeout(() => {
      if (this.video.paused && !this.video.ended) history.replaceState(history.state, "", this.address());
    }, REST_MS);
  }

  /** While it plays, loading the page again goes on where it was, not where it once stood. */
  #unname() {
    if (this.isPage && location.search) history.replaceState(history.state, "", location.pathname);
  }

  /** Just before copy.js copies it. */
  #offer(button) {
    button.dataset.copy = this.address().href;
    button.title = text("copied");
  }

  #takeAlong(link) {
    if (this.video.currentTime) link.href = this.address();
    this.video.pause();
  }
}
