// Frames and timecode labels, exact: a rate is two integers {num, den}, drop-frame is a flag and never inferred. The same as
// mam/lib/timecode.py; both are tested from tests/timecode_vectors.json.

const MINUTES_PER_DAY = 24 * 60;
const FULL = /^(\d{1,2})[:;.,](\d{1,2})[:;.,](\d{1,2})[:;.,](\d{1,3})$/;
const PARTIAL = /^(?:(\d{1,2})[:;.,])?(\d{1,3})[:;.,](\d{1,3})$/;

// --- frames and seconds ---------------------------------------------------------------------------------------------------

/** The frame shown at `seconds`: a mediaTime of requestVideoFrameCallback, which is rounded to about a microsecond. */
export function frameAt(seconds, { num, den }) {
  return Math.floor((seconds * num) / den + 0.5);
}

/** Where to seek for `frame`: its middle. At its start, rounding shows the frame before about every other time. */
export function middleOf(frame, { num, den }) {
  return ((frame + 0.5) * den) / num;
}

// --- labels ---------------------------------------------------------------------------------------------------------------

/** "01:00:00:00" of `frame`, counted from zero, with ";" where frames are dropped. After 24 hours labels begin again. */
export function label(frame, rate, isDropFrame = false) {
  const nominal = nominalRate(rate);
  const number = labelNumber(frame, rate, isDropFrame);
  const seconds = Math.floor(number / nominal);
  const separator = droppedPerMinute(rate, isDropFrame) ? ";" : ":";
  const frames = String(number % nominal).padStart(Math.max(2, String(nominal - 1).length), "0");
  return [pad(Math.floor(seconds / 3600)), pad(Math.floor(seconds / 60) % 60), pad(seconds % 60), frames].join(separator);
}

/** The frame that carries a label, the inverse of `label`; null for what is none at this rate. Separators do not matter. */
export function frameNumber(text, rate, isDropFrame = false) {
  const match = FULL.exec(text);
  if (!match) return null;
  const [hours, minutes, seconds, frames] = match.slice(1).map(Number);
  const nominal = nominalRate(rate);
  if (hours > 23 || minutes > 59 || seconds > 59 || frames >= nominal) return null;
  if (minutes % 10 && !seconds && frames < droppedPerMinute(rate, isDropFrame)) return null; // left out
  return frameOfNumber(((hours * 60 + minutes) * 60 + seconds) * nominal + frames, rate, isDropFrame);
}

/**
 * The frame a person means, counted from the first one of a file whose first label is that of frame `start`; null for none.
 * "01:02:03:04" (or eight digits): the label in the source. "2:15", "1215": so long after the first frame, filled from the
 * right. "+12", "-1:00": from `current` on. "#1234": a frame number. A label that drop-frame leaves out means the next one.
 */
export function typedFrame(text, rate, { isDropFrame = false, start = 0, current = 0 } = {}) {
  let words = text.trim();
  const frame = /^#\s*(\d{1,9})$/.exec(words);
  if (frame) return Number(frame[1]);
  if (/^[+-]/.test(words)) {
    const number = partialNumber(words.slice(1).trim(), nominalRate(rate));
    if (number === null) return null;
    const distance = frameOfNumber(number, rate, isDropFrame);
    return Math.max(0, current + (words[0] === "+" ? distance : -distance));
  }
  if (/^\d{7,8}$/.test(words)) words = words.padStart(8, "0").match(/../g).join(":");
  if (!FULL.test(words)) {
    const number = partialNumber(words, nominalRate(rate));
    return number === null ? null : frameOfNumber(number, rate, isDropFrame);
  }
  const found = frameNumber(existing(words, rate, isDropFrame), rate, isDropFrame);
  if (found === null) return null;
  const day = framesPerDay(rate, isDropFrame);
  return (((found - start) % day) + day) % day;
}

/** How many frames carry different labels; the next one is 00:00:00:00 again. */
export function framesPerDay(rate, isDropFrame = false) {
  const droppedMinutes = MINUTES_PER_DAY - MINUTES_PER_DAY / 10;
  return MINUTES_PER_DAY * 60 * nominalRate(rate) - droppedMinutes * droppedPerMinute(rate, isDropFrame);
}

/** Frames counted by one second of labels: 24 for 23.976, 30 for 29.97. */
export function nominalRate({ num, den }) {
  return Math.max(1, Math.round(num / den));
}

// --- arithmetic -----------------------------------------------------------------------------------------------------------

/** Place of the label of `frame` among all labels of a day, those left out included. */
function labelNumber(frame, rate, isDropFrame) {
  const number = frame % framesPerDay(rate, isDropFrame);
  const dropped = droppedPerMinute(rate, isDropFrame);
  if (!dropped) return number;
  const perMinute = 60 * nominalRate(rate) - dropped;
  const tens = Math.floor(number / (10 * perMinute + dropped));
  const rest = number % (10 * perMinute + dropped);
  const minutes = rest < dropped ? 0 : Math.floor((rest - dropped) / perMinute); // the first minute of ten keeps its labels
  return number + 9 * dropped * tens + dropped * minutes;
}

/** The frame whose label stands at place `number`. */
function frameOfNumber(number, rate, isDropFrame) {
  const minutes = Math.floor(number / (60 * nominalRate(rate)));
  return number - droppedPerMinute(rate, isDropFrame) * (minutes - Math.floor(minutes / 10));
}

/** Labels left out at each minute but every tenth: 2 at 29.97, 4 at 59.94, 0 where nothing is dropped. */
function droppedPerMinute(rate, isDropFrame) {
  const nominal = nominalRate(rate);
  return isDropFrame && rate.den === 1001 && (nominal === 30 || nominal === 60) ? nominal / 15 : 0;
}

/** "215", "2:15" -> 2 seconds and 15 frames, in labels; fields may be larger than a label's. Null for what is neither. */
function partialNumber(text, nominal) {
  const fields = PARTIAL.exec(text)?.slice(1) ?? (/^\d{1,6}$/.test(text) ? text.padStart(6, "0").match(/../g) : null);
  if (!fields) return null;
  const [minutes, seconds, frames] = fields.map((field) => Number(field ?? 0));
  return (minutes * 60 + seconds) * nominal + frames;
}

/** A label, or the first that exists after it where drop-frame leaves it out. */
function existing(text, rate, isDropFrame) {
  const [hours, minutes, seconds, frames] = text.split(/[:;.,]/).map(Number);
  const dropped = droppedPerMinute(rate, isDropFrame);
  const isLeftOut = minutes % 10 && !seconds && frames < dropped;
  return [hours, minutes, seconds, isLeftOut ? dropped : frames].map(pad).join(":");
}

const pad = (number) => String(number).padStart(2, "0");
