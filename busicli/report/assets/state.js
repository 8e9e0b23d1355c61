"use strict";

// Which scans are listed, in which order, and which of them is looked at.

/** The text of an element that only holds data, which goes. */
function taken(id) {
  const source = document.getElementById(id);
  const text = source.textContent;
  source.remove();
  return text;
}

let detailLines = []; // until the page is read to its end

function readDetails() {
  detailLines = taken("details").split("\n");
}

/** A scan as its card shows it. What else is known of it stands at the page's end, a line each, and
 * is read once it is asked for: cards can be seen before the browser has come so far. */
class Scan {
  constructor(values, id) {
    const empty = { tags: [], values: {}, decisions: [], count: 0, first: 0, line: "", origin: "" };
    Object.assign(this, empty, values, { id, known: null });
  }

  get details() {
    return (this.known ??= this.read(JSON.parse(detailLines[this.id])));
  }

  read(details) {
    const frames = details.frames ?? [];
    for (const frame of frames) frame.polygons ??= [];
    if (frames.length && this.thumbnail) frames[this.first].thumbnail = this.thumbnail;
    return { facts: [], ...details, frames };
  }

  get frames() {
    return this.details.frames;
  }
}

const data = JSON.parse(taken("data"));
const page = data.page;
const scans = data.scans.map((values, id) => new Scan(values, id));

const BINS = 20;
const names = new Intl.Collator("en", { numeric: true });

const state = {
  tag: "",
  words: "",
  bin: null, // { value, place } of a histogram's bar
  order: "worst",
  decided: "", // or "left", "done", or a decision
  listed: scans,
  current: 0, // place in `listed`
  frame: 0, // of the open scan
};

const ORDERS = {
  worst: (a, b) => a.urgency[0] - b.urgency[0] || a.urgency[1] - b.urgency[1] || a.id - b.id,
  name: (a, b) => names.compare(a.name, b.name) || a.id - b.id,
  size: (a, b) => sizeOf(b)[0] - sizeOf(a)[0] || sizeOf(b)[1] - sizeOf(a)[1] || a.id - b.id,
};

/** Millimetres come before pixels, for the two cannot be compared; no lesion comes last. */
function sizeOf(scan) {
  return scan.size ?? [-1, 0];
}

/** The bar of a histogram that a value in [0, 1] falls into. */
function binOf(value) {
  return Math.max(0, Math.min(BINS - 1, Math.floor(value * BINS + 1e-9)));
}

function passes(scan) {
  if (state.tag && !scan.tags.includes(state.tag)) return false;
  if (state.bin) {
    const value = scan.values[state.bin.value];
    if (value === undefined || binOf(value) !== state.bin.place) return false;
  }
  if (state.decided && !isAsDecided(scan)) return false;
  const name = scan.name.toLowerCase();
  return state.words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => name.includes(word));
}

function isAsDecided(scan) {
  const decision = decisionOf(scan);
  if (state.decided === "left") return isLeft(scan);
  return state.decided === "done" ? decision !== "" : decision === state.decided;
}

/** List again after a change, and begin with the first one listed. */
function list(change) {
  Object.assign(state, change, { current: 0 });
  state.listed = scans.filter(passes).sort(ORDERS[state.order]);
}

/** The place of the next listed scan with a tag, all round once; -1 for none. */
function nextWith(tag) {
  const count = state.listed.length;
  for (let step = 1; step <= count; step++) {
    const place = (state.current + step) % count;
    if (state.listed[place].tags.includes(tag)) return place;
  }
  return -1;
}

/** A scan's folder and its own name. */
function parts(scan) {
  const cut = scan.name.lastIndexOf("/") + 1;
  return [scan.name.slice(0, cut), scan.name.slice(cut)];
}

function scoreText(scan) {
  const value = scan.values[page.score];
  return value === undefined ? "" : value.toFixed(2);
}
