// The line of time under the picture: the slider of media-chrome made exact to the frame, pictures and timecode where the pointer
// is, chapters as dots, and the loudness of the sound.

const WAVE_GAP_PX = 1;
const WAVE_BAR_PX = 2;

export class Timeline {
  #peaks = null;
  #drawing = 0;

  constructor(section, { video, clock }) {
    this.video = video;
    this.clock = clock;
    this.range = section.querySelector("media-time-range");
    this.preview = section.querySelector("[data-preview]");
    this.dots = section.querySelector("[data-chapter-dots]");
    this.canvas = section.querySelector("[data-waveform]");
    this.chapters = [];
    // The slider asks for seconds anywhere; what is shown is a frame, so its middle is asked for (FACTS, Playing 4). Before media-chrome,
    // which hears the same on the same element and would seek to those seconds.
    const seek = (event) => {
      event.stopImmediatePropagation();
      clock.seekFrame(clock.frameOf(event.detail));
    };
    this.range.addEventListener("mediaseekrequest", seek, { capture: true });
    this.range.addEventListener("pointermove", (event) => this.#showPreview(event));
    this.canvas.addEventListener("pointerdown", (event) => this.#seekByWave(event));
    this.canvas.addEventListener("pointermove", (event) => event.buttons && this.#seekByWave(event));
    video.addEventListener("timeupdate", () => this.#draw());
    video.addEventListener("seeking", () => this.#draw());
    video.addEventListener("durationchange", () => this.#placeDots());
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    new MutationObserver(() => this.#draw()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  /** Everything of a playback answer that lies along the time. */
  show({ storyboard, waveform, chapters, duration_ms: durationMs }) {
    this.durationS = durationMs / 1000;
    this.#showStoryboard(storyboard);
    this.chapters = chapters;
    this.#placeDots();
    this.#loadWaveform(waveform);
  }

  /** The last chapter that has begun at `frame`; null before the first. */
  chapterAt(frame) {
    const ms = (frame * this.clock.rate.den * 1000) / this.clock.rate.num;
    return this.chapters.findLast(({ start_ms: start }) => start <= ms + 1) ?? null;
  }

  get #duration() {
    return Number.isFinite(this.video.duration) ? this.video.duration : this.durationS;
  }

  // --- pictures where the pointer is ----------------------------------------------------------------------------------------

  /** When the elements of media-chrome are defined, not before: this one would come alive without its style sheet. */
  addThumbnail() {
    const thumbnail = document.createElement("media-preview-thumbnail");
    thumbnail.slot = "preview";
    thumbnail.setAttribute("mediacontroller", this.range.getAttribute("mediacontroller"));
    this.range.prepend(thumbnail);
  }

  /** media-chrome takes the cues of a track with this label for pictures. Fresh addresses make a fresh track. */
  #showStoryboard(storyboard) {
    const old = this.video.querySelector("track[label=thumbnails]");
    if (old && old.src === new URL(storyboard?.url ?? "", location.href).href) return;
    old?.remove();
    if (!storyboard) return;
    const track = document.createElement("track");
    Object.assign(track, { kind: "metadata", label: "thumbnails", default: true, src: storyboard.url });
    this.video.append(track);
  }

  #showPreview({ clientX }) {
    const { left, width } = this.range.range.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (clientX - left) / width));
    const frame = Math.min(this.clock.lastFrame, this.clock.frameOf(share * this.#duration));
    const chapter = this.chapterAt(frame);
    this.preview.textContent = chapter?.title ? `${this.clock.label(frame)} · ${chapter.title}` : this.clock.label(frame);
  }

  // --- chapters ---------------------------------------------------------------------------------------------------------------

  #placeDots() {
    const duration = this.#duration;
    const dots = this.chapters.filter(({ start_ms: start }) => start > 0 && start < duration * 1000);
    this.dots.replaceChildren(
      ...dots.map(({ start_ms: start }) => {
        const dot = document.createElement("i");
        dot.style.insetInlineStart = `${start / 10 / duration}%`;
        return dot;
      }),
    );
  }

  // --- sound ------------------------------------------------------------------------------------------------------------------

  async #loadWaveform(waveform) {
    if (!waveform) {
      this.canvas.hidden = true;
      return;
    }
    if (this.#peaks) return;
    const response = await fetch(waveform.url).catch(() => null); // without it there is a line less, no more
    if (!response?.ok) return;
    const bytes = new Uint8Array(await response.arrayBuffer());
    this.#peaks = loudest(bytes, waveform.channels);
    this.canvas.hidden = false;
    this.#draw();
  }

  #seekByWave(event) {
    const { left, width } = this.canvas.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
    this.clock.seekFrame(this.clock.frameOf(share * this.#duration));
  }

  #draw() {
    if (!this.#peaks || this.#drawing) return;
    this.#drawing = requestAnimationFrame(() => {
      this.#drawing = 0;
      this.#paint();
    });
  }

  #paint() {
    const { canvas } = this;
    const scale = devicePixelRatio;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (!width) return;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    // A canvas takes colours only as they are computed, which custom properties are not.
    const { borderTopColor, color } = getComputedStyle(canvas);
    const colours = [borderTopColor, color];
    const played = (this.video.currentTime / this.#duration) * width;
    const bars = Math.max(1, Math.floor(width / (WAVE_BAR_PX + WAVE_GAP_PX)));
    for (let bar = 0; bar < bars; bar++) {
      const from = Math.floor((bar * this.#peaks.length) / bars);
      const to = Math.max(from + 1, Math.floor(((bar + 1) * this.#peaks.length) / bars));
      const peak = this.#peaks.subarray(from, to).reduce((most, one) => Math.max(most, one), 0);
      const size = Math.max(1, (peak / 255) * height);
      const x = bar * (WAVE_BAR_PX + WAVE_GAP_PX);
      pen.fillStyle = colours[x < played ? 0 : 1];
      pen.fillRect(x, (height - size) / 2, WAVE_BAR_PX, size);
    }
  }
}

/** One peak per moment: the loudest channel. Bytes lie peak by peak, channel by channel. */
function loudest(bytes, channels) {
  const peaks = new Uint8Array(Math.floor(bytes.length / channels));
  for (let at = 0; at < peaks.length; at++) peaks[at] = Math.max(...bytes.subarray(at * channels, (at + 1) * channels));
  return peaks;
}
