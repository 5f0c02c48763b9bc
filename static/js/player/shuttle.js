// J, K and L as on an editing table: each further press of L or J is faster, K stops. No browser plays backward, so backward is
// seeking to where the picture should be by now, as often as the decoder keeps up.

const SPEEDS = [1, 2, 4, 8];

/** Dispatches "speed" when `speed` changes: 0 while it does nothing, negative backward. */
export class Shuttle extends EventTarget {
  #speed = 0;
  #from = { frame: 0, at: 0 };

  constructor(video, clock) {
    super();
    this.video = video;
    this.clock = clock;
    this.normal = 1; // the speed of the menu
    // The event comes after the fact: by then J may have stopped what L had begun.
    video.addEventListener("play", () => this.#speed < 0 && !video.paused && this.#end());
    video.addEventListener("pause", () => this.#speed > 0 && this.#end());
  }

  get speed() {
    return this.#speed;
  }

  forward() {
    const { video } = this;
    const next = this.#speed > 0 ? (SPEEDS.find((speed) => speed > this.#speed) ?? SPEEDS.at(-1)) : 1;
    this.#set(next);
    video.playbackRate = next;
    if (video.paused) video.play().catch(() => this.#end()); // why comes as an error event
  }

  backward() {
    const next = this.#speed < 0 ? -(SPEEDS.find((speed) => speed > -this.#speed) ?? SPEEDS.at(-1)) : -1;
    const wasBackward = this.#speed < 0;
    this.#set(next);
    this.video.pause();
    this.#from = { frame: this.clock.frame, at: performance.now() };
    if (!wasBackward) requestAnimationFrame(() => this.#rewind());
  }

  /** Back to stillness, or to the speed of the menu. */
  stop() {
    this.video.pause();
    this.#end();
  }

  #end() {
    this.#set(0);
    this.video.playbackRate = this.normal;
  }

  #rewind() {
    if (this.#speed >= 0) return;
    const { clock, video } = this;
    const elapsed = (performance.now() - this.#from.at) / 1000;
    const target = Math.max(0, Math.round(this.#from.frame + (this.#speed * elapsed * clock.rate.num) / clock.rate.den));
    if (!video.seeking && target !== clock.frame) clock.seekFrame(target);
    if (target === 0) this.#end();
    else requestAnimationFrame(() => this.#rewind());
  }

  #set(speed) {
    if (speed === this.#speed) return;
    this.#speed = speed;
    this.dispatchEvent(new Event("speed"));
  }
}
