// How live values are written: the same as the server does in mam/templatetags/mam_format.py.

import { text } from "./dom.js";

const language = document.documentElement.lang || "ko";
// The viewer's zone, which need not be the browser's.
const timeZone = document.documentElement.dataset.timeZone || undefined;
const whole = new Intl.NumberFormat(language);
const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];
const NO_BREAK = "\u00a0";

export function number(value) {
  return whole.format(Math.round(value));
}

/** Decimal units, three digits: 1234567 -> "1.23 MB". */
export function bytes(value) {
  let amount = value;
  let step = 0;
  while (Math.abs(amount) >= 999.5 && step < BYTE_UNITS.length - 1) {
    amount /= 1000;
    step += 1;
  }
  const decimals = step === 0 || Math.abs(amount) >= 99.95 ? 0 : Math.abs(amount) >= 9.995 ? 1 : 2;
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return `${new Intl.NumberFormat(language, digits).format(amount)}${NO_BREAK}${BYTE_UNITS[step]}`;
}

/** An amount in a job's own unit: "bytes" as sizes, all else as counts. */
export function amount(value, unit) {
  return unit === "bytes" ? bytes(value) : number(value);
}

/** "1,200 of 5,000 files", as far as it is known. */
export function progress(done, total, unit) {
  const values = { done: amount(done, unit), total: total === null ? "" : amount(total, unit) };
  const known = ["files", "folders", "frames", "entries"].includes(unit) ? unit : "plain";
  return text(total === null ? `done_${known}` : `doneOf_${known}`, values);
}

/** Seconds as the coarsest useful unit. */
export function span(seconds) {
  if (seconds < 90) return text("seconds", { count: number(Math.max(1, seconds)) });
  if (seconds < 5400) return text("minutes", { count: number(seconds / 60) });
  return text("hours", { count: new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(seconds / 3600) });
}

/** "14:03:27" in the viewer's zone. */
export function clock(moment) {
  return moment.toLocaleTimeString("en-GB", { timeZone });
}

/** Date and time in the viewer's zone, with the zone. */
export function absolute(moment) {
  return moment.toLocaleString(language, { timeZone, dateStyle: "medium", timeStyle: "long" });
}
