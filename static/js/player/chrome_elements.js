// The elements of media-chrome that the player uses. Importing this module defines them; their style sheets come first.

import "./chrome_styles.js";
import "../../vendor/media-chrome/media-controller.js";
import "../../vendor/media-chrome/media-fullscreen-button.js";
import "../../vendor/media-chrome/media-mute-button.js";
import "../../vendor/media-chrome/media-pip-button.js";
import "../../vendor/media-chrome/media-play-button.js";
import "../../vendor/media-chrome/media-time-range.js";
import "../../vendor/media-chrome/media-volume-range.js";
