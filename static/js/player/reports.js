// What the player tells the server, and what it asks: nothing here may stop the picture.

import { csrfToken } from "../dom.js";

export const FORBIDDEN = new Set([401, 403]); // statuses that a fresh token may help

export class Reports {
  #isViewed = false;

  /** `addresses`: data-* of the player's section (viewedUrl, positionUrl, faultUrl, retryUrl, playbackUrl). */
  constructor(addresses) {
    this.addresses = addresses;
  }

  /** Somebody looks at the file. Said once. */
  viewed() {
    if (this.#isViewed) return;
    this.#isViewed = true;
    this.#send(this.addresses.viewedUrl);
  }

  position(positionMs) {
    this.#send(this.addresses.positionUrl, { position_ms: positionMs });
  }

  fault({ code, positionMs, detail = "" }) {
    this.#send(this.addresses.faultUrl, { code, position_ms: positionMs, detail: detail.slice(0, 500) });
  }

  /** Have what failed made again; the answer of `playback` says what came of it. */
  async retry() {
    await this.#send(this.addresses.retryUrl);
  }

  /** How the file is played now, as the server decides it. Rejects with a reason in the server's words where it has one. */
  async playback({ hevc = false } = {}) {
    const url = new URL(this.addresses.playbackUrl, location.href);
    if (hevc) url.searchParams.set("hevc", "1");
    const response = await fetch(url, { headers: { Accept: "application/json" } });
    if (!response.ok) throw await refusalOf(response);
    return response.json();
  }

  async #send(url, values = {}) {
    const body = new URLSearchParams(Object.entries(values).map(([name, value]) => [name, String(value)]));
    const headers = { "X-CSRFToken": csrfToken() };
    await fetch(url, { method: "POST", body, headers, keepalive: true }).catch(() => {}); // said again with the next one
  }
}

/** A refused answer as an Error: `code`, `message` and `retryAfter` (seconds or null) as far as the server gave them. */
async function refusalOf(response) {
  const said = await response.json().catch(() => ({}));
  return refusal(response.status, said, response.headers.get("Retry-After"));
}

export function refusal(status, said, retryAfter) {
  const seconds = Number.parseInt(retryAfter ?? "", 10);
  return Object.assign(new Error(said?.message ?? ""), {
    status,
    code: said?.code ?? "",
    retryAfter: Number.isFinite(seconds) ? Math.max(1, seconds) : null,
  });
}

/** Why an address of bytes gives none: ask it for one byte. Null when it gives it. */
export async function askWhy(url) {
  const response = await fetch(url, { headers: { Range: "bytes=0-0" } });
  return response.ok ? null : refusalOf(response);
}
