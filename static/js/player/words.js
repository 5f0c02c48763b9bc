// The player's texts in the reader's language (templates/streaming/_player_words.html). They travel inside of the player: it may
// arrive as a fragment, where data in script elements is not let through.

/** `(key, params) -> text` for the player in `section`; {parameters} are filled. */
export function readWords(section) {
  const { content } = section.querySelector("template[data-words]");
  const words = new Map([...content.children].map((element) => [element.dataset.word, element.textContent]));
  const word = (key, params = {}) => (words.get(key) ?? key).replace(/\{(\w+)\}/g, (whole, name) => params[name] ?? whole);
  word.dictionary = (prefix) =>
    Object.fromEntries([...words].filter(([key]) => key.startsWith(prefix)).map(([key, text]) => [key.slice(prefix.length), text]));
  return word;
}
