// What keys and buttons do.

const search = find("search");

function relist(change) {
  list(change);
  const top = find("grid").getBoundingClientRect().top + scrollY - barHeight();
  if (scrollY > top) scrollTo(0, top);
  layOut();
  showFilters();
}

function showAll() {
  search.value = "";
  find("decided").value = "";
  relist({ tag: "", words: "", bin: null, decided: "" });
}

/** A click on a filter leaves the keys to the scans; with the keyboard the focus stays. */
function giveBackFocus(event) {
  if (event.detail > 0 && event.target.closest(".tag, .bar, #clear")) {
    grid.focus({ preventScroll: true });
  }
}

function turnToNext() {
  const at = nextWith(page.next_tag);
  if (at < 0) say(`None of those listed: ${find("next-key").textContent.replace("next one: ", "")}.`);
  else turnTo(at);
}

const KEYS = {
  j: () => turnTo(state.current + 1),
  ArrowRight: () => turnTo(state.current + 1),
  k: () => turnTo(state.current - 1),
  ArrowLeft: () => turnTo(state.current - 1),
  f: turnToNext,
  t: toggleTheme,
  "?": () => openDialog(find("keys")),
  ".": () => turnFrame(1),
  ",": () => turnFrame(-1),
  s: () => page.run && save(),
  g: () => turnToLeft() || say("No listed scan is left to review."),
};

const DETAIL_KEYS = {
  a: () => decide("accepted"),
  e: startEdit,
  n: () => decide("no_lesion"),
  r: () => decide("rejected"),
  x: withdraw,
  1: () => setDraft({ label: "benign" }),
  2: () => setDraft({ label: "malignant" }),
  3: () => setDraft({ label: "normal" }),
  m: () => find("comment")?.focus(),
  c: () => toggleView("contour"),
  p: () => toggleView("veil"),
  b: () => toggleView("beside"),
  "+": () => zoom(1.25),
  "=": () => zoom(1.25),
  "-": () => zoom(0.8),
  0: fit,
};

const PAN_PX = 60;

const GRID_KEYS = {
  Enter: openScan,
  ArrowDown: () => select(Math.min(state.listed.length - 1, state.current + layout.columns)),
  ArrowUp: () => select(state.current - layout.columns),
  Home: () => select(0),
  End: () => select(state.listed.length - 1),
  "/": () => {
    search.focus();
    search.select();
  },
};

function onKey(event) {
  if (event.altKey || event.isComposing || leaveField(event)) return;
  if (event.target.closest("input, select, textarea")) return;
  const sheet = document.querySelector(".sheet[open]");
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (editor.on && !sheet) {
    const pressed = (key === "Enter" || key === " ") && event.target.closest("button");
    const edit = pressed ? null : editAction(event, key);
    if (edit) {
      event.preventDefault();
      edit();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey) return;
  const arrow = detail.open && event.shiftKey ? ARROWS[key] : null;
  if (arrow && !sheet) {
    event.preventDefault();
    pan(-PAN_PX * arrow[0], -PAN_PX * arrow[1]);
    return;
  }
  const onButton = key === "Enter" && event.target.closest("button, a, summary");
  const open = detail.open ? DETAIL_KEYS[key] : null;
  const action = sheet ? (key === "t" ? toggleTheme : null) : (open ?? KEYS[key]);
  const inGrid = sheet || detail.open || onButton ? null : GRID_KEYS[key];
  if (!action && !inGrid) return;
  event.preventDefault();
  (action ?? inGrid)();
}

/** From a field of the open scan Enter and Escape lead back to the keys. */
function leaveField(event) {
  const leaves = event.key === "Enter" || event.key === "Escape";
  if (!leaves || !event.target.closest("#comment, #label")) return false;
  event.preventDefault();
  event.target.blur();
  detail.focus();
  return true;
}

function onSearchKey(event) {
  if (event.key === "Escape" && search.value) {
    search.value = "";
    relist({ words: "" });
  } else if (event.key === "Escape" || event.key === "Enter" || event.key === "ArrowDown") {
    grid.focus({ preventScroll: true });
  } else return;
  event.preventDefault();
}

const BUTTONS = {
  "zoom-in": () => zoom(1.25),
  "zoom-out": () => zoom(0.8),
  "zoom-fit": fit,
  "show-contour": () => toggleView("contour"),
  "show-veil": () => toggleView("veil"),
  "show-beside": () => toggleView("beside"),
  smaller: () => setRadius(1 / BRUSH.step),
  larger: () => setRadius(BRUSH.step),
  "new-lesion": newLesion,
  "delete-lesion": deleteLesion,
  undo,
  redo,
  "cancel-edit": stopEditing,
  "finish-edit": finishEdit,
};

function beginViewer() {
  for (const [id, action] of Object.entries(BUTTONS)) find(id).addEventListener("click", action);
  for (const made of document.querySelectorAll("[data-tool]")) {
    made.addEventListener("click", () => setTool(made.dataset.tool));
  }
  for (const made of document.querySelectorAll(".of-review")) made.hidden = !page.run;
  find("decided").addEventListener("change", (event) => relist({ decided: event.target.value }));
  detail.addEventListener("cancel", (event) => {
    if (!editor.on) return;
    event.preventDefault(); // Escape leaves the editing first
    stopEditing();
  });
}

/** Show the first cards, while the browser still reads what else is known of the scans. */
function beginCards() {
  showOverview();
  list({});
  showFilters();
  layOut();
}

function begin() {
  readDetails();
  beginReviews();
  beginViewer();
  document.addEventListener("click", giveBackFocus);
  document.addEventListener("keydown", onKey);
  addEventListener("scroll", drawSoon, { passive: true });
  addEventListener("resize", drawSoon);
  addEventListener("beforeprint", printAll);
  addEventListener("afterprint", printed);
  search.addEventListener("input", () => relist({ words: search.value.trim() }));
  search.addEventListener("keydown", onSearchKey);
  find("sort").addEventListener("change", (event) => relist({ order: event.target.value }));
  find("clear").addEventListener("click", showAll);
  find("bin").addEventListener("click", () => relist({ bin: null }));
  find("theme-button").addEventListener("click", toggleTheme);
  find("keys-button").addEventListener("click", () => openDialog(find("keys")));
  find("settings-button").addEventListener("click", () => {
    showDocuments();
    openDialog(find("settings"));
  });
  find("previous").addEventListener("click", () => turnTo(state.current - 1));
  find("next").addEventListener("click", () => turnTo(state.current + 1));
  find("close").addEventListener("click", () => detail.close());
  detail.addEventListener("close", () => {
    if (editor.on) stopEdit();
    if (state.decided) relist({});
    grid.focus({ preventScroll: true });
  });
  for (const made of document.querySelectorAll(".closes")) {
    made.addEventListener("click", () => made.closest("dialog").close());
  }
}

beginCards();
document.addEventListener("DOMContentLoaded", begin);
