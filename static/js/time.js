// Keeps "3 minutes ago" true while the page stays open. The absolute time is in the title already.

const REFRESH_MS = 30_000;
const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];
const words = new Intl.RelativeTimeFormat(document.documentElement.lang || "ko", { numeric: "always" });

function refresh() {
  for (const element of document.querySelectorAll("time[data-relative]")) {
    const seconds = (Date.parse(element.dateTime) - Date.now()) / 1000;
    const unit = UNITS.find(([, size]) => Math.abs(seconds) >= size);
    if (unit && Math.abs(seconds) < 30 * 86_400) element.textContent = words.format(Math.trunc(seconds / unit[1]), unit[0]);
  }
}

export function start() {
  setInterval(refresh, REFRESH_MS);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
}
