// Above the scans: what was done, how many came out how, and the filters.

function showOverview() {
  document.title = page.weights ? `${page.title}: ${page.weights}` : page.title;
  find("title").textContent = page.title;
  find("facts").append(...pairs([["Scans", scans.length.toLocaleString("en")], ...page.facts]));
  find("facts").append(legend());
  find("notes").append(...page.notes.map((note) => make("p", "note", note)));
  find("histograms").append(...page.histograms.map(histogram));
  const all = [["", "All"], ...page.filters];
  find("tags").append(...all.map(([tag, label]) => tagButton(tag, label)));
  const next = page.filters.find(([tag]) => tag === page.next_tag);
  find("next-key").textContent = `next one: ${(next ? next[1] : page.next_tag).toLowerCase()}`;
}

function legend() {
  const lines = page.contours.map(([kind, label]) =>
    make("span", "line", make("span", `swatch ${kind}`), label),
  );
  return make("div", "", make("dt", "", "Outlines"), make("dd", "legend", ...lines));
}

function tagButton(tag, label) {
  const count = tag ? scans.filter((scan) => scan.tags.includes(tag)).length : scans.length;
  const made = button("tag", label, make("span", "count", count.toLocaleString("en")));
  made.dataset.tag = tag;
  made.disabled = !count && tag !== "";
  made.addEventListener("click", () => relist({ tag: state.tag === tag ? "" : tag }));
  return made;
}

/** Twenty bars over [0, 1]; a click on one lists its scans, another click all again. */
function histogram(described) {
  const counts = new Array(BINS).fill(0);
  for (const scan of scans) {
    const value = scan.values[described.value];
    if (value !== undefined) counts[binOf(value)]++;
  }
  const most = Math.max(1, ...counts);
  const bars = counts.map((count, place) => bar(described, count, place, count / most));
  const plot = make("div", "plot", ...bars);
  if (described.mark !== null) plot.append(mark(described));
  const known = counts.reduce((sum, count) => sum + count, 0);
  const caption = `${described.label}, ${counted(known, "scan")}`;
  const box = make(
    "div",
    "histogram",
    make("div", "histogram-head", make("span", "", caption), markLabel(described)),
    plot,
    make("div", "axis", make("span", "", "0"), make("span", "", "0.5"), make("span", "", "1")),
  );
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", `${caption}; each bar filters`);
  return box;
}

function markLabel(described) {
  return described.mark === null ? null : make("span", "mark-label", described.mark_label);
}

function bar(described, count, place, share) {
  const [low, high] = [place / BINS, (place + 1) / BINS];
  const fill = make("span", "fill");
  fill.style.height = count ? `max(3px, ${100 * share}%)` : "0";
  const made = button("bar", fill);
  made.dataset.value = described.value;
  made.dataset.place = place;
  made.classList.toggle("low", described.mark !== null && high <= described.mark + 1e-9);
  made.disabled = !count;
  made.title = `${low.toFixed(2)} to ${high.toFixed(2)}: ${count.toLocaleString("en")}`;
  made.setAttribute("aria-label", `${described.label} ${made.title}`);
  made.addEventListener("click", () => {
    const again = state.bin?.value === described.value && state.bin.place === place;
    relist({ bin: again ? null : { value: described.value, place } });
  });
  return made;
}

function mark(described) {
  const line = make("span", "mark");
  line.style.left = `${100 * described.mark}%`;
  return line;
}

/** Show which filters hold and how many scans are listed. */
function showFilters() {
  for (const made of document.querySelectorAll("[data-tag]")) {
    made.setAttribute("aria-pressed", String(made.dataset.tag === state.tag));
  }
  for (const made of document.querySelectorAll(".bar")) {
    const { value, place } = made.dataset;
    const chosen = state.bin?.value === value && state.bin.place === Number(place);
    made.setAttribute("aria-pressed", String(Boolean(chosen)));
    made.classList.toggle("dimmed", state.bin?.value === value && !chosen);
  }
  find("bin").hidden = !state.bin;
  if (state.bin) find("bin").replaceChildren(binText(), make("span", "count", "×"));
  const [listed, all] = [state.listed.length, scans.length].map((n) => n.toLocaleString("en"));
  find("status").textContent = `${listed} of ${all}`;
  find("nothing").hidden = state.listed.length > 0;
}

function binText() {
  const { label } = page.histograms.find(({ value }) => value === state.bin.value);
  const [low, high] = [state.bin.place / BINS, (state.bin.place + 1) / BINS];
  return `${label} ${low.toFixed(2)} to ${high.toFixed(2)}`;
}

/** Settings and the weights' card, made only when they are asked for. */
function showDocuments() {
  const place = find("documents");
  if (place.childElementCount) return;
  for (const [title, content] of page.documents) {
    const known = Object.keys(content).length > 0;
    place.append(
      make("h3", "", title),
      known ? branch(content) : make("p", "soft", "Not beside these results."),
    );
  }
}

const MOST_OPEN = 12;

/** Names and values; those that hold others come last and can be folded. */
function branch(content) {
  const entries = Object.entries(content);
  const ordered = [true, false].flatMap((plainly) =>
    entries.filter(([, value]) => isPlain(value) === plainly),
  );
  const rows = ordered.map(([name, value]) => {
    const label = name.replaceAll("_", " ");
    if (!isPlain(value)) {
      const inner = make("details", "", make("summary", "", label), branch(value));
      inner.open = Object.keys(value).length <= MOST_OPEN;
      return inner;
    }
    return make("div", "leaf", make("span", "soft", label), make("span", "value", plain(value)));
  });
  return make("div", "branch", ...rows);
}

function isPlain(value) {
  if (value === null || typeof value !== "object") return true;
  return Array.isArray(value) && value.every((part) => part === null || typeof part !== "object");
}

function plain(value) {
  if (Array.isArray(value)) return value.join(", ") || "none";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return value === null ? "none" : String(value);
}
