// One WebSocket that comes back by itself: waits 0.5 s, then twice as long up to 15 s, with a little chance in it so that not
// all pages knock at once after a restart. While one is gone for more than a moment, the frame says since when.

import { announce, text } from "./dom.js";
import { clock } from "./format.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const GRACE_MS = 3000;
// The login ended, or the right was taken away (mam.accounts.websocket, mam.jobs.consumers): trying again is no use.
const FINAL_CODES = new Set([4401, 4403]);

const lost = new Map(); // connection -> when it was lost

/**
 * Keep `path` open. `query()` gives the parameters of each attempt (the last number seen), `receive(message)` gets each
 * frame's JSON. Returns a function that closes it for good.
 */
export function connect(path, { query = () => ({}), receive }) {
  let wait = FIRST_WAIT_MS;
  let socket;
  let timer;
  let isOver = false;
  const key = Symbol(path);

  function attempt() {
    const url = new URL(path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    for (const [name, value] of Object.entries(query())) url.searchParams.set(name, value);
    socket = new WebSocket(url);
    socket.addEventListener("open", () => {
      wait = FIRST_WAIT_MS;
      found(key);
    });
    socket.addEventListener("message", (event) => receive(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => {
      if (isOver) return;
      if (FINAL_CODES.has(event.code)) {
        found(key);
        return;
      }
      miss(key);
      timer = setTimeout(attempt, wait * (0.75 + Math.random() / 2));
      wait = Math.min(LONGEST_WAIT_MS, wait * 2);
    });
  }

  function hurry() {
    if (socket.readyState !== WebSocket.CLOSED || isOver) return;
    clearTimeout(timer);
    wait = FIRST_WAIT_MS;
    attempt();
  }

  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", () => document.hidden || hurry());
  attempt();
  return () => {
    isOver = true;
    clearTimeout(timer);
    found(key);
    socket.close();
  };
}

function miss(key) {
  if (lost.has(key)) return;
  lost.set(key, new Date());
  setTimeout(showBanner, GRACE_MS);
}

function found(key) {
  if (lost.delete(key) && lost.size === 0) showBanner();
}

function showBanner() {
  const banner = document.getElementById("offline");
  if (!banner) return;
  const since = [...lost.values()].sort((a, b) => a - b)[0];
  if (!since && !banner.hidden) announce(text("reconnected"));
  banner.hidden = !since;
  if (since) {
    banner.querySelector("[data-offline-text]").textContent = text("offlineSince", { time: clock(since) });
  }
}
