// Starts every module once. Loaded by templates/base.html on each page.

import * as copy from "./copy.js";
import * as dialogs from "./dialogs.js";
import { each } from "./dom.js";
import * as frame from "./frame.js";
import * as jobs from "./jobs.js";
import * as keyboard from "./keyboard.js";
import * as log from "./log.js";
import * as ordering from "./ordering.js";
import * as requests from "./requests.js";
import * as suggestions from "./suggestions.js";
import * as tables from "./tables.js";
import * as time from "./time.js";
import * as toasts from "./toasts.js";
import * as tree from "./tree.js";

for (const part of [requests, toasts, dialogs, frame, tree, keyboard, tables, copy, time, jobs, log, suggestions, ordering]) part.start();

// A part of a higher app brings its own module, as a fragment too: <section data-module="/static/js/player.js">.
each("[data-module]", (element) => import(element.dataset.module));
