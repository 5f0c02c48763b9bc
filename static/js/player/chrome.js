// media-chrome, in the reader's language: the buttons, the sliders and the frame that holds them together.

import { addTranslation, setLanguage } from "../../vendor/media-chrome/utils/i18n.js";

/** Define its elements; those of the page come alive. `dictionary`: its English words -> the reader's. */
export async function defineElements(dictionary) {
  const language = document.documentElement.lang || "ko";
  addTranslation(language, dictionary);
  setLanguage(language);
  await import("./chrome_elements.js"); // they write their labels when they are defined
}
