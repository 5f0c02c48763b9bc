// The keyboard of the player. In the capture phase: <video> has keys of its own, and lists of the page take arrows, j and k.

const SEQUENCE_MS = 1200; // as in keyboard.js: "g l" leads to the library, so "l" is not ours after "g"

const REPEATED = new Set([",", ".", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]); // while they are held down

const players = new Set();
let prefixAt = -Infinity;

/** `actions`: key -> function; `isOpen()`: whether it takes keys now; `section`: where it stands. */
export function register(player) {
  players.add(player);
}

/** The player that a key is for: the one with the focus, else the only one of the page when nothing else has it. */
function playerFor(target) {
  const living = [...players].filter(({ section }) => section.isConnected);
  const focused = living.find(({ section }) => section.contains(target));
  if (focused) return focused;
  const isFree = target === document.body || target.id === "main" || document.fullscreenElement;
  return isFree && living.length === 1 ? living[0] : null;
}

function isForControl(event) {
  const target = event.composedPath()[0];
  if (target.matches?.("input:not([type=range]), textarea, select, [contenteditable]")) return true;
  // A slider of loudness keeps its arrows; the line of time gives them up for whole seconds.
  if (event.key.startsWith("Arrow") && event.target.matches("media-volume-range")) return true;
  const isButton = event.target.closest("button, summary, a, media-play-button, media-mute-button, media-pip-button, media-fullscreen-button");
  return (event.key === " " || event.key === "Enter") && Boolean(isButton);
}

/** The key by its Latin name: a Korean input source says "ㅓ" for what is printed "J". */
function nameOf({ key, code }) {
  if (key.length === 1 && key > "~") return code.replace("Key", "").toLowerCase();
  return key.length === 1 ? key.toLowerCase() : key;
}

function handle(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isForControl(event) || document.querySelector("dialog[open], .menu:popover-open")) return;
  const isSequence = performance.now() - prefixAt < SEQUENCE_MS;
  const key = nameOf(event);
  prefixAt = event.key === "g" ? performance.now() : -Infinity;
  if (isSequence) return;
  const player = playerFor(event.target);
  const action = player?.isOpen() ? player.actions[key] : undefined;
  if (!action) return;
  event.preventDefault();
  event.stopPropagation();
  if (!event.repeat || REPEATED.has(key)) action(event);
}

document.addEventListener("keydown", handle, { capture: true });
