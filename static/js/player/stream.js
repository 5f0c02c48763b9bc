// One HLS stream in a <video>, by hls.js, which is loaded when the first stream is. Reports what went wrong; who listens decides.

import { FORBIDDEN, refusal } from "./reports.js";

const ON_DEMAND_HEIGHT_PX = 720; // what a machine encodes fast enough to be watched at once; more when asked for
const BUFFER_S = { prepared: 30, onDemand: 16 };
const LEAST_BUFFER_S = 8;
const BUFFER_BYTES = 60_000_000; // browsers take 100 MB and more of picture, of which some was shown already
const BACK_BUFFER_S = 60;
const WHOLE_S = 0.1; // pictures and sounds end so much apart, and are rounded
const FIRST_BYTE_MS = 20_000; // a segment may have to be encoded first
const UNREPEATED = new Set([401, 403, 404, 410, 503]); // the answer is known: asking again at once is no use
// Of errors that are not fatal those that hls.js does not get over by itself: without a word it would try the same for ever, or leave a
// picture that stands still.
const BROKEN = new Set(["fragParsingError", "bufferAddCodecError", "mediaSourceRequiresReset"]);

let library;
const loadLibrary = () => (library ??= import("../../vendor/hls/hls.min.mjs"));

/** Whether this browser plays streams through media source extensions. */
export function isSupported() {
  return Boolean(window.ManagedMediaSource ?? window.MediaSource);
}

/**
 * Dispatches "tracks" when qualities, audio tracks or subtitles are known or chosen, and "problem" with
 * `{kind: "refused" | "broken" | "lost", refusal, detail, level, isMinor}` when the stream cannot go on by itself; `isMinor`: it does,
 * without its subtitles.
 */
export class Stream extends EventTarget {
  #hls = null;
  #token = null; // replaces the token in addresses, once it was renewed
  #listening = new AbortController(); // until it is closed
  #isChanging = false; // the quality of a picture that stands still

  /** `sound`: the audio track to begin with, null for the default. */
  constructor(video, subtitles, { url, isOnDemand, sound = null }) {
    super();
    Object.assign(this, { video, subtitles, url, isOnDemand, sound });
  }

  /** Load the playlists; with `isEager` also the first segments, else they come with `start()`. Begins at `at` seconds. */
  async open({ at, isEager }) {
    const { default: Hls } = await loadLibrary();
    if (this.#listening.signal.aborted) return;
    this.Hls = Hls;
    const hls = new Hls(this.#options(at, isEager));
    this.#hls = hls;
    const { MANIFEST_PARSED, LEVEL_SWITCHED, AUDIO_TRACKS_UPDATED, AUDIO_TRACK_SWITCHED, SUBTITLE_TRACKS_UPDATED } = Hls.Events;
    hls.on(MANIFEST_PARSED, () => this.#chooseLevel());
    if (this.sound !== null) hls.once(AUDIO_TRACKS_UPDATED, () => (hls.audioTrack = this.sound));
    for (const event of [MANIFEST_PARSED, LEVEL_SWITCHED, AUDIO_TRACKS_UPDATED, AUDIO_TRACK_SWITCHED, SUBTITLE_TRACKS_UPDATED]) {
      hls.on(event, () => this.dispatchEvent(new Event("tracks")));
    }
    hls.on(LEVEL_SWITCHED, () => this.#showSwitched());
    hls.on(Hls.Events.FRAG_BUFFERED, () => this.#endWhenWhole());
    this.video.addEventListener("seeking", () => this.#endWhenWhole(), this.#listening);
    hls.on(Hls.Events.SUBTITLE_TRACKS_UPDATED, () => (hls.subtitleTrack = this.subtitles.shown));
    hls.on(Hls.Events.CUES_PARSED, (_event, parsed) => this.#addCues(parsed));
    hls.on(Hls.Events.ERROR, (_event, error) => this.#onError(error));
    this.subtitles.clear();
    hls.loadSource(this.url);
    hls.attachMedia(this.video);
  }

  close() {
    this.#listening.abort();
    this.#hls?.destroy();
    this.#hls = null;
  }

  /** Load segments: from `at` seconds on, else from where it was opened. */
  start(at = -1) {
    this.#hls?.startLoad(at);
  }

  stop() {
    this.#hls?.stopLoad();
  }

  /** Begin anew at `at` seconds after the decoder gave up. The element forgets where it was, its speed, and that it played. */
  recover(at) {
    this.#hls?.recoverMediaError();
    this.start(at);
  }

  /** Use a fresh token in all addresses from now on. False when `url` is not this stream under another token, or that is not enough. */
  renew(url) {
    const bare = (address) => new URL(address, location.href).pathname.replace(/^\/hls\/[^/]+/, "");
    const token = new URL(url, location.href).pathname.match(/^\/hls\/([^/]+)\//)?.[1];
    if (!token || bare(url) !== bare(this.url) || !this.#hasOwnAddresses()) return false;
    this.#token = token;
    return true;
  }

  /** Whether our tokens open all that is known of the stream. Addresses that a store has signed are in playlists, which are read once. */
  #hasOwnAddresses() {
    const { levels = [], audioTracks = [], subtitleTracks = [] } = this.#hls ?? {};
    const known = [...levels, ...audioTracks, ...subtitleTracks].filter(({ details }) => details?.fragments.length);
    return levels.length > 0 && known.every(({ details }) => isOurs(details.fragments[0].url));
  }

  // --- what can be chosen -------------------------------------------------------------------------------------------------

  /** [{index, height, bitrate}], best first. */
  get levels() {
    const levels = (this.#hls?.levels ?? []).map(({ height, bitrate }, index) => ({ index, height, bitrate }));
    return levels.sort((a, b) => b.height - a.height || b.bitrate - a.bitrate);
  }

  /** Index of the chosen quality, -1 for automatic. */
  get chosenLevel() {
    return this.isPinned ? (this.#hls?.manualLevel ?? -1) : -1;
  }

  /** Index of the quality on the screen, -1 before there is one. */
  get shownLevel() {
    return this.#hls?.currentLevel ?? -1;
  }

  chooseLevel(index) {
    this.isPinned = index !== -1;
    this.#hls.autoLevelCapping = -1;
    if (index === -1) this.#chooseLevel();
    else if (this.video.paused) {
      this.#isChanging = true;
      this.#hls.currentLevel = index; // the picture on the screen too
    } else this.#hls.nextLevel = index; // without a halt
    this.dispatchEvent(new Event("tracks"));
  }

  /** Leave the rung `level` for the one below, and do not climb again by itself. False when there is none below. */
  lower(level) {
    const levels = this.levels;
    const lower = levels[levels.findIndex(({ index }) => index === level) + 1];
    if (level === -1 || !lower) return false;
    this.#hls.autoLevelCapping = lower.index;
    this.#hls.loadLevel = lower.index;
    this.isPinned = true;
    return true;
  }

  get audioTracks() {
    return (this.#hls?.audioTracks ?? []).map(({ name, lang }, index) => ({ index, name, language: lang }));
  }

  get audioTrack() {
    return this.#hls?.audioTrack ?? -1;
  }

  set audioTrack(index) {
    this.#hls.audioTrack = index;
  }

  get subtitleTracks() {
    return (this.#hls?.subtitleTracks ?? []).map(({ name, lang }, index) => ({ index, name, language: lang }));
  }

  get subtitleTrack() {
    return this.subtitles.shown;
  }

  set subtitleTrack(index) {
    this.#hls.subtitleTrack = index;
    this.subtitles.show(index);
    this.dispatchEvent(new Event("tracks"));
  }

  // --- inside -------------------------------------------------------------------------------------------------------------

  #options(at, isEager) {
    const { DefaultConfig: defaults } = this.Hls;
    const policy = (name, timings = {}) => {
      const { default: usual } = defaults[name];
      const errorRetry = { ...usual.errorRetry, maxNumRetry: 2, shouldRetry: this.#isWorthRepeating };
      return { default: { ...usual, ...timings, errorRetry } };
    };
    return {
      autoStartLoad: isEager,
      startPosition: at,
      testBandwidth: false, // the first segment is one that is shown, not one that is measured
      enableWorker: false, // fMP4 needs no repacking
      capLevelToPlayerSize: true,
      abrEwmaDefaultEstimate: 8_000_000, // most viewers sit in the building of the server
      // As much as BUFFER_BYTES hold, between these two (hls.js, getMaxBufferLength).
      maxBufferLength: LEAST_BUFFER_S,
      maxMaxBufferLength: this.isOnDemand ? BUFFER_S.onDemand : BUFFER_S.prepared,
      maxBufferSize: BUFFER_BYTES,
      backBufferLength: BACK_BUFFER_S,
      renderTextTracksNatively: false, // see subtitles.js
      enableCEA708Captions: false,
      enableID3MetadataCues: false,
      fragLoadPolicy: policy("fragLoadPolicy", { maxTimeToFirstByteMs: FIRST_BYTE_MS }),
      playlistLoadPolicy: policy("playlistLoadPolicy", { maxTimeToFirstByteMs: FIRST_BYTE_MS }),
      manifestLoadPolicy: policy("manifestLoadPolicy", { maxTimeToFirstByteMs: FIRST_BYTE_MS }),
      xhrSetup: (xhr, url) => this.#token && isOurs(url) && xhr.open("GET", this.#renewed(url), true),
    };
  }

  #isWorthRepeating = (_config, _count, _isTimeout, response, isUsual) => isUsual && !UNREPEATED.has(response?.code);

  #renewed(url) {
    return url.replace(/\/(hls|stream)\/[^/]+\//, `/$1/${this.#token}/`);
  }

  /** Automatic: by bandwidth where segments lie ready; where each is encoded for us, one quality, so that no work is thrown away. */
  #chooseLevel() {
    const hls = this.#hls;
    if (!this.isOnDemand) {
      hls.nextLevel = -1;
      return;
    }
    const shown = this.video.clientHeight * devicePixelRatio;
    const fitting = this.levels.filter(({ height }) => height <= ON_DEMAND_HEIGHT_PX);
    const { index } = fitting.filter(({ height }) => height >= shown).at(-1) ?? fitting[0] ?? this.levels.at(-1);
    if (hls.currentLevel === -1) hls.startLevel = index;
    hls.nextLevel = index;
  }

  /**
   * Near to the end a browser shows a picture only when it knows that nothing follows. hls.js says so only after a first picture (it
   * takes a sound for chosen when a picture of it has stood for a while: `AlternateAudio.SWITCHING` in its stream-controller).
   */
  #endWhenWhole() {
    const { latestLevelDetails, audioTracks, audioTrack } = this.#hls;
    const ends = [latestLevelDetails, audioTracks[audioTrack]?.details].flatMap((details) => details?.edge ?? []);
    const { buffered, currentTime } = this.video;
    const last = buffered.length - 1;
    if (last >= 0 && buffered.start(last) <= currentTime && buffered.end(last) > Math.min(...ends) - WHOLE_S) {
      this.#hls.trigger(this.Hls.Events.BUFFER_EOS, {});
    }
  }

  /** A picture that stands still was decoded from the old quality: have it decoded again. */
  #showSwitched() {
    const { video } = this;
    if (!this.#isChanging) return;
    this.#isChanging = false;
    if (video.paused && !video.seeking && video.readyState > 0) video.currentTime = video.currentTime;
  }

  /** hls.js calls the track "default", or "subtitles" with its number. */
  #addCues({ type, cues, track }) {
    if (type !== "subtitles") return;
    const tracks = this.#hls.subtitleTracks;
    const index = track === "default" ? tracks.findIndex((one) => one.default) : Number(track.replace("subtitles", ""));
    if (index >= 0) this.subtitles.add(index, cues);
  }

  #onError(error) {
    const { fatal: isFatal, details, response, networkDetails, frag } = error;
    const status = response?.code ?? 0;
    const kind = this.#kindOf(error, status);
    if (!kind) return;
    const level = frag?.type === "main" ? frag.level : (error.level ?? -1); // of sound there is one rung
    const detail = [details, status || "", frag?.relurl ?? error.url ?? "", error.error?.message ?? ""].filter(Boolean).join(" ");
    const isMinor = isOfSubtitles(error) && !FORBIDDEN.has(status);
    if (isMinor) this.#dropSubtitle(isFatal);
    else if (kind === "refused") this.stop();
    this.#tell({ kind, detail, level, isMinor, refusal: kind === "refused" ? readRefusal(networkDetails, status) : null });
  }

  /** What an error means for the viewer; null where hls.js helps itself. */
  #kindOf({ fatal: isFatal, type, details }, status) {
    if (UNREPEATED.has(status) || (isFatal && status >= 400)) return "refused";
    if (!isFatal && !BROKEN.has(details)) return null;
    return type === this.Hls.ErrorTypes.NETWORK_ERROR ? "lost" : "broken";
  }

  /** The film goes on without: hls.js ends all loading when it gives a subtitle up. */
  #dropSubtitle(isGivenUp) {
    this.subtitleTrack = -1;
    if (isGivenUp) this.start(this.video.currentTime);
  }

  #tell(problem) {
    this.dispatchEvent(new CustomEvent("problem", { detail: problem }));
  }
}

function isOfSubtitles({ frag, context }) {
  return frag?.type === "subtitle" || context?.type === "subtitleTrack";
}

/** Whether an absolute address is opened by a token in its path; else a store has signed it. */
function isOurs(url) {
  const { origin, pathname } = new URL(url);
  return origin === location.origin && /^\/(hls|stream)\//.test(pathname);
}

/** What the server said when it refused a playlist or a segment. */
function readRefusal(xhr, status) {
  const text = xhr?.response instanceof ArrayBuffer ? new TextDecoder().decode(xhr.response) : xhr?.responseText;
  let said = {};
  try {
    said = JSON.parse(text);
  } catch {
    // Not ours: the status has to do.
  }
  return refusal(status, said, xhr?.getResponseHeader?.("Retry-After"));
}
