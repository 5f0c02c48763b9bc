// Lets the elements of media-chrome have their style sheets under the content security policy: they bring them as <style> in their
// shadow trees, which the policy refuses unless they carry the page's nonce. Has to run before an element of the page is defined,
// so it imports the base classes only, and chrome.js imports this module first.

import MediaButton from "../../vendor/media-chrome/media-chrome-button.js";
import MediaDialog from "../../vendor/media-chrome/media-chrome-dialog.js";
import MediaRange from "../../vendor/media-chrome/media-chrome-range.js";
import MediaContainer from "../../vendor/media-chrome/media-container.js";
import GestureReceiver from "../../vendor/media-chrome/media-gesture-receiver.js";
import PreviewThumbnail from "../../vendor/media-chrome/media-preview-thumbnail.js";
import TextDisplay from "../../vendor/media-chrome/media-text-display.js";
import Tooltip from "../../vendor/media-chrome/media-tooltip.js";

// A nonce is hidden from selectors and markup; scripts read it as a property (HTML, 2.6.4 "nonce").
const { nonce } = document.querySelector("script[nonce]");

for (const element of [MediaButton, MediaDialog, MediaRange, MediaContainer, GestureReceiver, PreviewThumbnail, TextDisplay, Tooltip]) {
  const { getTemplateHTML } = element;
  element.getTemplateHTML = function getTemplateWithNonce(...given) {
    return getTemplateHTML.apply(this, given).replaceAll("<style>", `<style nonce="${nonce}">`);
  };
}
