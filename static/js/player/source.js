// Brings what the server offers into the <video>, and keeps it there: renews what expires, goes a rung down or to segments made on
// demand when something is broken, and says so when nothing helps.

import { askWhy } from "./reports.js";
import { Stream, isSupported } from "./stream.js";
import { Subtitles } from "./subtitles.js";

const HLS_TYPE = "application/vnd.apple.mpegurl";
const RENEW_BEFORE_MS = 60_000;
const RENEWALS_APART_MS = 5_000; // a fresh token that is refused as well is refused for another reason
const REPEATED_MS = 10_000; // a decoder that fails again within so long fails at the same place
const BUSY_WAIT_S = 3;
const OFFLINE_CODES = new Set(["media_source_offline", "source_offline"]);

/**
 * Dispatches
 *  "tracks"   what can be chosen has changed,
 *  "waiting"  {retryAfter}: all encoders are busy; `resume()` goes on,
 *  "stopped"  {state: "failed" | "offline" | "refused", message, code}: nothing helped,
 *  "going"    it plays on,
 *  "renewed"  {playback}: the server's answer, with fresh addresses.
 */
export class Source extends EventTarget {
  #playback = null;
  #isFallback = false;
  #renewedAt = -Infinity;
  #recoveredAt = -Infinity;
  #at = 0; // seconds; the element forgets where it was when its stream is taken away
  #timer;

  constructor(video, reports) {
    super();
    this.video = video;
    this.reports = reports;
    this.subtitles = new Subtitles(video);
    this.stream = null;
    for (const event of ["seeking", "timeupdate"]) video.addEventListener(event, () => video.readyState && (this.#at = video.currentTime));
    video.addEventListener("error", () => this.#onElementError());
    video.addEventListener("playing", () => this.dispatchEvent(new Event("going")));
  }

  /** Play what `playback` names, from `at` seconds. Not `isEager`: load what a picture needs only when it is played. */
  async load(playback, { at = 0, isEager = true, isFallback = false } = {}) {
    this.#playback = playback;
    this.#isFallback = isFallback;
    this.#at = at;
    this.#scheduleRenewal();
    const url = isFallback ? playback.fallback_url : playback.url;
    this.#close();
    if (isPlaylist(url) && isSupported()) {
      const isOnDemand = isFallback || playback.mode === "on_demand";
      this.stream = new Stream(this.video, this.subtitles, { url, isOnDemand });
      this.stream.addEventListener("tracks", () => this.dispatchEvent(new Event("tracks")));
      this.stream.addEventListener("problem", ({ detail }) => this.#onProblem(detail));
      if (!isEager) this.video.addEventListener("play", () => this.stream?.start(), { once: true });
      await this.stream.open({ at, isEager });
      return;
    }
    // What the page named already is on its way.
    if (this.video.error || this.video.src !== new URL(url, location.href).href) this.video.src = url;
    if (isEager) this.video.preload = "auto";
    if (at) this.video.currentTime = at;
    this.dispatchEvent(new Event("tracks"));
  }

  /** Load again, from here, and play on if it played. */
  async reload(playback = this.#playback, { isFallback = false } = {}) {
    const { paused } = this.video;
    await this.load(playback, { at: this.#at, isFallback });
    if (!paused) this.video.play().catch(() => {}); // a failure comes as an error event
  }

  /** Go on after a wait. */
  resume() {
    if (this.stream) this.stream.start(this.#at);
    else this.reload();
  }

  #close() {
    this.stream?.close();
    this.stream = null;
  }

  // --- what went wrong ----------------------------------------------------------------------------------------------------

  async #onProblem(problem) {
    const { kind, detail, refusal } = problem;
    if (kind === "refused" && [401, 403].includes(refusal.status)) {
      await this.#renewOr(() => this.#stop("refused", refusal, detail));
    } else if (kind === "refused" && refusal.status === 503 && !OFFLINE_CODES.has(refusal.code)) {
      this.#tell("waiting", { retryAfter: refusal.retryAfter ?? BUSY_WAIT_S });
    } else {
      this.#report(kind, detail);
      await this.#climbDown(problem);
    }
  }

  /** The next thing that may help, in this order: the decoder anew, a lower rung, segments made on demand. */
  async #climbDown({ kind, refusal, level }) {
    const isFirst = performance.now() - this.#recoveredAt > REPEATED_MS;
    this.#recoveredAt = performance.now();
    if (OFFLINE_CODES.has(refusal?.code)) this.#stop("offline", refusal, kind); // each of these needs the source
    else if (kind === "broken" && isFirst) this.stream.recover();
    else if (this.stream.lower(level)) this.#goOn(kind);
    else if (this.#playback.fallback_url && !this.#isFallback) await this.reload(this.#playback, { isFallback: true });
    else this.#stop("failed", refusal, kind);
  }

  #goOn(kind) {
    if (kind === "broken") this.stream.recover();
    else this.stream.start(this.#at);
  }

  /** A media element says that it failed, never why: ask the address for one byte. */
  async #onElementError() {
    const { error, currentSrc } = this.video;
    if (!error || this.stream) return; // hls.js tells of its own
    const isDecoding = [MediaError.MEDIA_ERR_DECODE, MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED].includes(error.code);
    let reason;
    try {
      reason = await askWhy(currentSrc || this.#playback.url);
    } catch {
      this.#stop("failed", null, "lost");
      return;
    }
    this.#report(reason ? "refused" : isDecoding ? "broken" : "lost", `${error.message} ${reason?.code ?? ""}`.trim());
    if ([401, 403].includes(reason?.status)) await this.#renewOr(() => this.#stop("refused", reason, "refused"));
    else if (this.#playback.fallback_url && !this.#isFallback) await this.reload(this.#playback, { isFallback: true });
    else if (OFFLINE_CODES.has(reason?.code)) this.#stop("offline", reason, "refused");
    else this.#stop("failed", reason, isDecoding ? "broken" : "lost");
  }

  #stop(state, refusal, kind) {
    this.#tell("stopped", { state, code: refusal?.code || kind, message: refusal?.message ?? "" });
  }

  #report(code, detail) {
    this.reports.fault({ code, positionMs: Math.round(this.#at * 1000), detail });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  // --- what expires -------------------------------------------------------------------------------------------------------

  #scheduleRenewal() {
    clearTimeout(this.#timer);
    const left = Date.parse(this.#playback.expires_at ?? "") - Date.now() - RENEW_BEFORE_MS;
    if (left > 0 && left < 2 ** 31) this.#timer = setTimeout(() => this.#renewOr(() => {}), left);
  }

  async #renewOr(otherwise) {
    if (performance.now() - this.#renewedAt < RENEWALS_APART_MS) {
      otherwise();
      return;
    }
    this.#renewedAt = performance.now();
    let playback;
    try {
      playback = await this.reports.playback();
    } catch {
      otherwise();
      return;
    }
    this.#tell("renewed", { playback });
    const url = this.#isFallback ? playback.fallback_url : playback.url;
    this.#playback = playback;
    this.#scheduleRenewal();
    if (!url) otherwise();
    else if (this.stream?.renew(url)) this.stream.start(this.#at);
    else await this.reload(playback, { isFallback: this.#isFallback });
  }
}

function isPlaylist(url) {
  return new URL(url, location.href).pathname.endsWith(".m3u8");
}

/** Whether this browser plays what `playback` names; `hevc` is settled before. */
export function canPlay(video, playback) {
  if (!playback.url) return false;
  return !isPlaylist(playback.url) || isSupported() || Boolean(video.canPlayType(HLS_TYPE));
}
