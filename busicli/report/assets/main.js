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
  relist({ tag: "", words: "", bin: null });
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
};

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
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input, select, textarea")) return;
  const sheet = document.querySelector(".sheet[open]");
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const onButton = key === "Enter" && event.target.closest("button, a, summary");
  const action = sheet ? (key === "t" ? toggleTheme : null) : KEYS[key];
  const inGrid = sheet || detail.open || onButton ? null : GRID_KEYS[key];
  if (!action && !inGrid) return;
  event.preventDefault();
  (action ?? inGrid)();
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

function begin() {
  showOverview();
  list({});
  showFilters();
  layOut();
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
  detail.addEventListener("close", () => grid.focus({ preventScroll: true }));
  for (const made of document.querySelectorAll(".closes")) {
    made.addEventListener("click", () => made.closest("dialog").close());
  }
}

begin();
