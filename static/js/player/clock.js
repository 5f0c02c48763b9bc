// Where the picture is, in whole frames, and how to get to another one. Positions are frames; seconds are only for the element.

import { frameAt, frameNumber, framesPerDay, label, middleOf, typedFrame } from "../timecode.js";

const WITHOUT_RATE = { num: 25, den: 1 }; // sound, and files of which no rate is known: steps of 40 ms

/** Dispatches "frame" whenever another frame is shown or asked for. */
export class Clock extends EventTarget {
  /** `facts`: rate, start_timecode, drop_frame, frames, duration_ms of the playback answer. */
  constructor(video, facts) {
    super();
    this.video = video;
    this.frame = 0; // on the screen, or on its way there
    this.learn(facts);
    this.#follow();
  }

  learn({ rate, start_timecode: start, drop_frame: isDropFrame, frames, duration_ms: durationMs }) {
    this.hasRate = Boolean(rate);
    this.rate = rate ?? WITHOUT_RATE;
    this.isDropFrame = Boolean(isDropFrame);
    this.frames = frames || null;
    this.durationS = durationMs / 1000 || Infinity; // until the element knows better
    this.start = this.hasRate ? (frameNumber(start, this.rate, this.isDropFrame) ?? 0) : 0;
  }

  #follow() {
    const { video } = this;
    const onFrame = (_now, { mediaTime }) => {
      if (!video.seeking) this.#show(frameAt(mediaTime, this.rate));
      video.requestVideoFrameCallback(onFrame);
    };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(onFrame);
    // Sound alone has no frames; a paused picture in a hidden page calls back late.
    video.addEventListener("timeupdate", () => {
      if (!video.seeking && (!video.videoWidth || !video.requestVideoFrameCallback)) this.#show(this.#playingFrame());
    });
    video.addEventListener("seeking", () => this.#show(this.#playingFrame()));
  }

  #show(frame) {
    if (frame === this.frame) return;
    this.frame = frame;
    this.dispatchEvent(new Event("frame"));
  }

  /** The frame that currentTime lies in. Positions of this class are middles of frames, so half a frame is no doubt. */
  #playingFrame() {
    const { num, den } = this.rate;
    return Math.floor((this.video.currentTime * num) / den + 1e-6);
  }

  get lastFrame() {
    const seconds = Number.isFinite(this.video.duration) ? this.video.duration : this.durationS; // its sound may be longer
    return Math.max(0, Math.min(this.frames ?? Infinity, frameAt(seconds, this.rate)) - 1);
  }

  /** The middle of the frame on the screen: while it plays the element's own time runs ahead of its picture. */
  get positionMs() {
    return Math.round(this.secondsOf(this.frame) * 1000);
  }

  /** The frame at `seconds`, which may lie anywhere inside of it. */
  frameOf(seconds) {
    return Math.floor((seconds * this.rate.num) / this.rate.den + 1e-6);
  }

  secondsOf(frame) {
    return middleOf(frame, this.rate);
  }

  seekFrame(frame) {
    const target = Math.min(this.lastFrame, Math.max(0, frame));
    this.video.currentTime = middleOf(target, this.rate);
    this.#show(target);
  }

  /** Frames forward or back from the one that was last asked for, even while its picture is still to come. */
  step(frames) {
    this.video.pause();
    this.seekFrame(this.frame + frames);
  }

  skip(seconds) {
    this.seekFrame(this.frame + Math.round((seconds * this.rate.num) / this.rate.den));
  }

  /** The label of `frame` in the source; hours, minutes and seconds where there are no frames. */
  label(frame = this.frame) {
    if (this.hasRate) return label(this.start + frame, this.rate, this.isDropFrame);
    return label(frame, this.rate).slice(0, 8);
  }

  /** The frame that typed text means, null for none. Without frames "1:02:03" and "90" are hours, minutes and seconds. */
  understand(text) {
    if (this.hasRate) {
      const { isDropFrame, start, frame: current } = this;
      return typedFrame(text, this.rate, { isDropFrame, start, current });
    }
    const fields = text.trim().split(":");
    if (fields.length > 3 || !fields.every((field) => /^\d{1,3}$/.test(field))) return null;
    return this.frameOf(fields.reduce((sum, field) => 60 * sum + Number(field), 0));
  }

  /** The frame of an address' `t`: a label of the source, or seconds; null for neither. */
  frameOfAddress(text) {
    if (/^\d+(\.\d+)?$/.test(text)) return this.frameOf(Number(text));
    if (!this.hasRate) return this.understand(text);
    const found = frameNumber(text, this.rate, this.isDropFrame);
    if (found === null) return null;
    const day = framesPerDay(this.rate, this.isDropFrame);
    return (found - this.start + day) % day;
  }
}
