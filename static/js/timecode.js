// Frames and timecode labels, exact: a frame rate is two integers, drop-frame is a flag and never inferred.

/** The frame shown at `seconds` (a mediaTime of requestVideoFrameCallback, or currentTime). */
export function frameAt(seconds, { num, den }) {
  return Math.floor((seconds * num) / den + 0.5);
}

/** Where to seek for frame `frame`: its middle. At its start, rounding shows the frame before about every other time. */
export function middleOf(frame, { num, den }) {
  return ((frame + 0.5) * den) / num;
}

const pad = (number) => String(number).padStart(2, "0");

/** Frames counted by one second of labels: 24 for 23.976, 30 for 29.97. */
function nominalRate({ num, den }) {
  return Math.round(num / den);
}

/** Label numbers that drop-frame leaves out at each minute but every tenth: 2 at 29.97, 4 at 59.94. */
function droppedPerMinute(rate) {
  return nominalRate(rate) / 15;
}

/** "01:00:00:00" (";" before the frames when dropping) of frame `frame`, counted from zero. */
export function label(frame, rate, isDropFrame = false) {
  const nominal = nominalRate(rate);
  let number = frame;
  if (isDropFrame) {
    const dropped = droppedPerMinute(rate);
    const perMinute = 60 * nominal - dropped;
    const perTenMinutes = 600 * nominal - 9 * dropped;
    const tens = Math.floor(frame / perTenMinutes);
    const rest = frame % perTenMinutes;
    number += 9 * dropped * tens + (rest >= dropped ? dropped * Math.floor((rest - dropped) / perMinute) : 0);
  }
  const seconds = Math.floor(number / nominal);
  const hours = Math.floor(seconds / 3600) % 24;
  return `${pad(hours)}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}${isDropFrame ? ";" : ":"}${pad(number % nominal)}`;
}

/** The frame number of a label; 0 for what is no label. */
export function frameOf(text, rate, isDropFrame = false) {
  const match = /^(\d{2}):(\d{2}):(\d{2})[:;.](\d{2,3})$/.exec(text);
  if (!match) return 0;
  const [hours, minutes, seconds, frames] = match.slice(1).map(Number);
  const nominal = nominalRate(rate);
  const number = (hours * 3600 + minutes * 60 + seconds) * nominal + frames;
  if (!isDropFrame) return number;
  const allMinutes = hours * 60 + minutes;
  return number - droppedPerMinute(rate) * (allMinutes - Math.floor(allMinutes / 10));
}
