// Brings what the server offers into the <video>, and keeps it there: renews what expires, goes a rung down or to segments made on
// demand when something is broken, and says so when nothing helps.

import { FORBIDDEN, askWhy } from "./reports.js";
import { Stream, isSupported } from "./stream.js";
import { Subtitles } from "./subtitles.js";

const HLS_TYPE = "application/vnd.apple.mpegurl";
const RENEW_BEFORE_MS = 60_000;
const RENEWALS_APART_MS = 5_000; // a fresh token that is refused as well is refused for another reason
const REPEATED_MS = 10_000; // a decoder that fails again within so long fails at the same place
const BUSY_WAIT_S = 3;
const AHEAD_S = 0.5; // of less than that a picture stands still anyway
const BUSY_CODES = new Set(["encoder_busy", ""]); // "": said by something in front of the application
const OFFLINE_CODES = new Set(["media_source_offline", "source_offline"]);

/**
 * Dispatches
 *  "tracks"   what can be chosen has changed,
 *  "waiting"  {retryAfter}: all encoders are busy; `resume()` goes on,
 *  "stopped"  {state: "failed" | "offline" | "refused", message, code}: nothing helped; neither while there is picture to go on with,
 *  "going"    it plays on,
 *  "renewed"  {playback}: the server's answer, with fresh addresses.
 */
export class Source extends EventTarget {
  #playback = null;
  #isFallback = false;
  #isEager = true;
  #opening = null;
  #renewedAt = -Infinity;
  #mendedAt = -Infinity;
  #at = 0; // seconds
  #isPlaying = false;
  #held = null; // what is said when the picture stands
  #heldTimer;
  #timer;

  constructor(video, reports, { hasHevc }) {
    super();
    Object.assign(this, { video, reports, hasHevc });
    this.subtitles = new Subtitles(video);
    this.stream = null;
    // The element stops when it fails, and forgets where it was and any speed but its default when its stream is taken away.
    for (const event of ["seeking", "timeupdate"]) video.addEventListener(event, () => video.readyState && (this.#at = video.currentTime));
    for (const event of ["play", "pause", "emptied"]) video.addEventListener(event, () => video.error || (this.#isPlaying = !video.paused));
    video.addEventListener("ratechange", () => (video.defaultPlaybackRate = video.playbackRate));
    video.addEventListener("waiting", () => !video.seeking && this.#release());
    video.addEventListener("seeking", () => !hasMore(video) && this.#release());
    video.addEventListener("error", () => this.#onElementError());
    video.addEventListener("playing", () => this.dispatchEvent(new Event("going")));
    addEventListener("pagehide", () => this.#leave());
  }

  /** Play what `playback` names, from `at` seconds. Not `isEager`: load what a picture needs when `begin` is called. */
  async load(playback, { at = 0, isEager = true, isFallback = false, sound = null } = {}) {
    this.#playback = playback;
    this.#isFallback = isFallback;
    this.#isEager = isEager;
    this.#at = at;
    this.#drop();
    this.#scheduleRenewal();
    const url = isFallback ? playback.fallback_url : playback.url;
    this.#close();
    if (isPlaylist(url) && isSupported()) {
      const isOnDemand = isFallback || playback.mode === "on_demand";
      this.stream = new Stream(this.video, this.subtitles, { url, isOnDemand, sound });
      this.stream.addEventListener("tracks", () => this.dispatchEvent(new Event("tracks")));
      this.stream.addEventListener("problem", ({ detail }) => this.#onProblem(detail));
      this.#opening = this.stream.open({ at, isEager });
      await this.#opening;
      return;
    }
    // What the page named already is on its way.
    if (this.video.error || this.video.src !== new URL(url, location.href).href) this.video.src = url;
    if (isEager) this.video.preload = "auto";
    if (at) this.video.currentTime = at;
    this.dispatchEvent(new Event("tracks"));
  }

  /** Load what a picture needs: somebody plays, or looks for a frame. */
  async begin() {
    if (this.#isEager) return;
    this.#isEager = true;
    await this.#opening;
    this.stream?.start(this.video.currentTime || this.#at);
  }

  /** Load again, from here. */
  async reload(playback = this.#playback, { isFallback = false, sound = null } = {}) {
    await this.#playOn((at) => this.load(playback, { at, isFallback, sound, isEager: this.#isEager }));
  }

  /** [{index, name, language}] of the sounds that can be chosen. */
  get sounds() {
    return this.stream ? this.stream.audioTracks : (this.#playback?.sounds ?? []).map((name, index) => ({ index, name }));
  }

  /** Index of the one that is heard. */
  get sound() {
    return this.stream ? this.stream.audioTrack : 0;
  }

  chooseSound(index) {
    if (this.stream) this.stream.audioTrack = index;
    else if (index) this.reload(this.#playback, { isFallback: true, sound: index }); // of a file a browser plays only the first
  }

  /** Do what takes the picture away, and play on if it played. */
  async #playOn(change) {
    const isPlaying = this.#isPlaying;
    await change(this.#at);
    if (isPlaying) this.video.play().catch(() => {}); // a failure comes as an error event
  }

  /** Others may need the encoders that have worked for this viewer. */
  #leave() {
    if (this.stream?.isOnDemand) navigator.sendBeacon(this.#playback.left_url);
  }

  /** Go on after a wait. */
  resume() {
    this.#drop();
    if (this.stream?.levels.length) this.stream.start(this.#at);
    else this.reload();
  }

  #close() {
    this.stream?.close();
    this.stream = null;
  }

  // --- what went wrong ----------------------------------------------------------------------------------------------------

  async #onProblem(problem) {
    const { kind, detail, refusal, isMinor } = problem;
    if (isMinor) {
      this.#report(kind, detail);
    } else if (FORBIDDEN.has(refusal?.status)) {
      await this.#renewOr(() => this.#stop("refused", refusal, kind));
    } else if (refusal?.status === 503 && BUSY_CODES.has(refusal.code)) {
      this.#wait(refusal.retryAfter ?? BUSY_WAIT_S);
    } else {
      this.#report(kind, detail);
      await this.#climbDown(problem);
    }
  }

  /** The next thing that may help, in this order: the decoder anew, a lower rung, segments made on demand. */
  async #climbDown({ kind, refusal, level }) {
    const isFirst = this.#isFirst();
    const isStoreOffline = refusal?.status === 503; // with all of its rungs
    if (OFFLINE_CODES.has(refusal?.code)) this.#stop("offline", refusal, kind); // each of these needs the source
    else if (kind === "broken" && isFirst) await this.#recover();
    else if (!isStoreOffline && this.stream.lower(level)) await this.#goOn(kind);
    else if (this.#playback.fallback_url && !this.#isFallback) await this.reload(this.#playback, { isFallback: true });
    else this.#stop("failed", refusal, kind);
  }

  /** Whether nothing was mended just now: what breaks again so soon is not helped by the same. */
  #isFirst() {
    const isFirst = performance.now() - this.#mendedAt > REPEATED_MS;
    this.#mendedAt = performance.now();
    return isFirst;
  }

  async #goOn(kind) {
    if (kind === "broken") await this.#recover();
    else this.stream.start(this.#at);
  }

  async #recover() {
    await this.#playOn((at) => this.stream.recover(at));
  }

  #onElementError() {
    const { error } = this.video;
    if (!error) return; // of a stream that was taken away since
    // hls.js says nothing of a decoder that fails, and waits for it for ever when all is loaded.
    if (this.stream) this.#onProblem({ kind: "broken", detail: error.message, level: this.stream.shownLevel });
    else this.#onFileError(error);
  }

  /** A media element says that it failed, never why: ask the address for one byte. */
  async #onFileError(error) {
    const { currentSrc } = this.video;
    const isDecoding = [MediaError.MEDIA_ERR_DECODE, MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED].includes(error.code);
    let reason;
    try {
      reason = await askWhy(currentSrc || this.#playback.url);
    } catch {
      this.#stop("failed", null, "lost");
      return;
    }
    this.#report(reason ? "refused" : isDecoding ? "broken" : "lost", `${error.message} ${reason?.code ?? ""}`.trim());
    if (FORBIDDEN.has(reason?.status)) await this.#renewOr(() => this.#stop("refused", reason, "refused"));
    else if (!reason && !isDecoding && this.#isFirst()) await this.reload(); // the connection was away
    else if (this.#playback.fallback_url && !this.#isFallback) await this.reload(this.#playback, { isFallback: true });
    else if (OFFLINE_CODES.has(reason?.code)) this.#stop("offline", reason, "refused");
    else this.#stop("failed", reason, isDecoding ? "broken" : "lost");
  }

  #stop(state, refusal, kind) {
    this.#hold("stopped", { state, code: refusal?.code || kind, message: refusal?.message ?? "" });
  }

  #wait(retryAfter) {
    this.#hold("waiting", { retryAfter });
    if (this.#held) this.#heldTimer = setTimeout(() => this.resume(), retryAfter * 1000);
  }

  /** Say it when the picture stands: segments are fetched ahead, and what is there plays on. */
  #hold(type, detail) {
    this.#drop();
    this.#held = { type, detail };
    if (!hasMore(this.video)) this.#release();
  }

  #release() {
    const held = this.#held;
    this.#drop();
    if (held) this.#tell(held.type, held.detail);
  }

  #drop() {
    clearTimeout(this.#heldTimer);
    this.#held = null;
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
      playback = await this.reports.playback({ hevc: this.hasHevc });
    } catch {
      otherwise();
      return;
    }
    this.#tell("renewed", { playback });
    const urlOf = ({ url, fallback_url: fallbackUrl }) => (this.#isFallback ? fallbackUrl : url);
    const url = urlOf(playback);
    // A file's address holds no token. It plays on; what lies beside it (storyboard, waveform) was renewed.
    const isUnchanged = !this.stream && url === urlOf(this.#playback) && !this.video.error;
    this.#playback = playback;
    this.#scheduleRenewal();
    if (!url) {
      otherwise();
    } else if (this.stream?.renew(url)) {
      if (this.#isEager) this.stream.start(this.#at);
    } else if (!isUnchanged) {
      await this.reload(playback, { isFallback: this.#isFallback });
    }
  }
}

/** Whether there is picture beyond the frame on the screen. */
function hasMore({ buffered, currentTime, error }) {
  for (let range = 0; range < buffered.length; range++) {
    if (buffered.start(range) <= currentTime && buffered.end(range) > currentTime + AHEAD_S) return !error;
  }
  return false;
}

function isPlaylist(url) {
  return new URL(url, location.href).pathname.endsWith(".m3u8");
}

/** Whether this browser plays what `playback` names; `hevc` is settled before. */
export function canPlay(video, playback) {
  if (!playback.url) return false;
  return !isPlaylist(playback.url) || isSupported() || Boolean(video.canPlayType(HLS_TYPE));
}
