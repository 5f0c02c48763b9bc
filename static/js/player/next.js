// The next part of a content: offered when one has ended, played after a moment unless somebody says no.

import { focusIfFree } from "../dom.js";

const COUNT_S = 8;
const GO_ON = "player-goes-on";

export class Next {
  #timer;

  constructor({ section, word, video, announce }) {
    this.card = section.querySelector("[data-next]");
    Object.assign(this, { section, word, video, announce });
    this.part = null;
    video.addEventListener("ended", () => this.#offer());
    for (const event of ["play", "seeking"]) video.addEventListener(event, () => this.#hide());
    this.card.querySelector("[data-next-stay]").addEventListener("click", () => this.#hide());
    this.card.querySelector("[data-next-go]").addEventListener("click", () => this.go());
  }

  /** `part`: {url, title} or null. */
  show(part) {
    this.part = part;
  }

  go() {
    if (!this.part) return;
    sessionStorage.setItem(GO_ON, new URL(this.part.url, location.href).pathname);
    location.assign(this.part.url);
  }

  /** Whether this page was come to by going on, and so should play at once. */
  static isGoingOn() {
    const path = sessionStorage.getItem(GO_ON);
    sessionStorage.removeItem(GO_ON);
    return path === location.pathname;
  }

  #offer() {
    if (!this.part) return;
    this.card.querySelector("[data-next-title]").textContent = this.part.title;
    this.card.hidden = false;
    focusIfFree(this.section, this.card.querySelector("[data-next-go]"));
    this.announce(this.word("nextIn", { title: this.part.title, seconds: COUNT_S }));
    this.#count(COUNT_S);
  }

  #count(seconds) {
    this.card.querySelector("[data-next-count]").textContent = this.word("seconds", { seconds });
    if (seconds === 0) this.go();
    else this.#timer = setTimeout(() => this.#count(seconds - 1), 1000);
  }

  #hide() {
    clearTimeout(this.#timer);
    this.card.hidden = true;
  }
}
