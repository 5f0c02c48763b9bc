// Names for what the administration's package leaves nameless: its searched choices (select2) and its scrolled areas (SimpleBar).

/** The words above or beside `area`: the heading of the part it belongs to, else the page's. */
function headingOf(area) {
  const part = area.closest("[data-inline-type], fieldset");
  return (part?.querySelector("h2, h3") ?? document.querySelector("h1"))?.textContent.trim().replace(/\s+/g, " ");
}

/** SimpleBar calls every scrolled area "scrollable content", and makes each a landmark of that name. */
function nameAreas() {
  for (const area of document.querySelectorAll("[data-simplebar]")) {
    const navigation = area.closest("nav") && document.getElementById("page").dataset.navigationName;
    area.dataset.simplebarAriaLabel = navigation ?? headingOf(area) ?? document.title;
  }
}

/** The choice that select2 shows instead of a select is named as the select is; so are the field to search in and the one shown. */
function nameChoice(container) {
  const select = container.previousElementSibling;
  const label = select?.labels?.[0];
  if (!label) return;
  label.id ||= `${select.id}-label`;
  const shown = container.querySelector(".select2-selection__rendered");
  container.querySelector("[role=combobox]")?.setAttribute("aria-labelledby", [label.id, shown?.id].filter(Boolean).join(" "));
  for (const part of container.querySelectorAll(".select2-selection__rendered[role=textbox], .select2-search__field")) {
    part.setAttribute("aria-labelledby", label.id);
  }
  container.querySelector("ul > .select2-selection__clear")?.setAttribute("role", "listitem"); // the only other child a list may have
}

/** The list of an open choice hangs at the end of the page, outside its landmarks: it is one of its own, of the choice's name. */
function nameList(dropdown) {
  const choice = document.querySelector("select + .select2-container--open [role=combobox]");
  const list = dropdown.querySelector("[role=listbox]");
  const names = choice?.getAttribute("aria-labelledby");
  if (!names || !list) return;
  choice.setAttribute("aria-controls", list.id);
  dropdown.setAttribute("role", "region");
  for (const part of [dropdown, list, dropdown.querySelector(".select2-search__field")]) part?.setAttribute("aria-labelledby", names);
  for (const message of list.querySelectorAll("[role=alert]")) {
    message.setAttribute("role", "option"); // "nothing found" and the like: a list of options has nothing else in it
    message.setAttribute("aria-disabled", "true");
  }
}

function nameChoices() {
  document.querySelectorAll("select + .select2-container").forEach(nameChoice);
  document.querySelectorAll(".select2-dropdown").forEach(nameList);
}

document.addEventListener("DOMContentLoaded", nameAreas); // before SimpleBar's own listener, which comes later in the page
window.addEventListener("load", () => {
  nameChoices();
  new MutationObserver(nameChoices).observe(document.body, { childList: true, subtree: true }); // rows are added, choices drawn anew and opened
});
