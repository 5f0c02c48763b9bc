// What the search typed so far may become, in a list under the box: arrows choose, Enter takes, Escape closes.

const WAIT_MS = 150; // after the last key

class Suggestions {
  #timer;
  #running = null;
  #active = -1;

  constructor(form) {
    this.form = form;
    this.box = form.querySelector("input");
    this.list = form.querySelector("[role=listbox]");
    this.box.addEventListener("input", () => this.#onInput());
    this.box.addEventListener("keydown", (event) => this.#onKey(event));
    this.box.addEventListener("blur", () => this.#close());
    this.list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
    this.list.addEventListener("click", (event) => this.#onClick(event));
  }

  get #options() {
    return [...this.list.children];
  }

  /** Whoever types on means what is in the box. */
  #onInput() {
    this.#activate(-1);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), WAIT_MS);
  }

  async #ask() {
    this.#running?.abort();
    if (!this.box.value.trim()) {
      this.#close();
      return;
    }
    const { signal } = (this.#running = new AbortController());
    let options = [];
    try {
      const answer = await fetch(`${this.form.dataset.suggestions}?${new URLSearchParams({ q: this.box.value })}`, { signal });
      if (answer.ok && !answer.redirected) ({ options } = await answer.json());
    } catch {
      // Nobody waits for a suggestion: Enter searches all the same.
    }
    if (!signal.aborted && document.activeElement === this.box) this.#show(options);
  }

  #show(options) {
    this.list.replaceChildren(...options.map(elementOf));
    this.list.hidden = !this.list.childElementCount;
    this.box.setAttribute("aria-expanded", String(!this.list.hidden));
    this.#activate(-1);
  }

  #close() {
    clearTimeout(this.#timer);
    this.#running?.abort();
    this.#show([]);
  }

  #activate(index) {
    const options = this.#options;
    options[this.#active]?.removeAttribute("aria-selected");
    this.#active = index;
    const option = options[index];
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) this.box.setAttribute("aria-activedescendant", option.id);
    else this.box.removeAttribute("aria-activedescendant");
  }

  #onKey(event) {
    if (event.isComposing || this.list.hidden) return;
    const { length } = this.#options;
    const steps = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (steps) this.#activate(((this.#active + 1 + steps + length + 1) % (length + 1)) - 1); // once around is the box itself
    else if (event.key === "Enter" && this.#active >= 0) this.#options[this.#active].click();
    else if (event.key === "Escape") this.#close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** A field without a value goes back into the box; all else is a link. */
  #onClick(event) {
    const option = event.target.closest("[data-continues]");
    if (!option) return;
    event.preventDefault();
    this.box.value = option.dataset.continues;
    this.#ask();
  }
}

/** {label, kind, href, continues} as an option of the list. */
function elementOf({ label, kind, href, continues }, index) {
  const option = document.createElement("a");
  Object.assign(option, { className: "menu-item", role: "option", tabIndex: -1, id: `suggestion-${index + 1}`, href });
  if (continues) option.dataset.continues = continues;
  for (const [className, textContent] of [["clip", label], ["menu-hint", kind]]) {
    option.append(Object.assign(document.createElement("span"), { className, textContent }));
  }
  return option;
}

export function start() {
  const form = document.querySelector("[data-suggestions]");
  if (form) new Suggestions(form);
}
