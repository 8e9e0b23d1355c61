// What people decided: kept in the browser at every step, saved as a file, read back from one.

const FORMAT = "busicli-reviews";
const VERSION = 1;
const DECISIONS = { accepted: "Accepted", edited: "Edited", no_lesion: "No lesion", rejected: "Rejected" };
const STRONGEST = ["edited", "no_lesion", "rejected", "accepted"];
const MAX_POINTS = 20_000; // of one frame
const MAX_COMMENT = 2_000;
const FARTHEST_PX = 1e6;
const DAY_MS = 86_400_000; // how far another clock may be ahead
const UTC = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;
const TOKENS = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g; // strings of JSON, names with their colon; objects
const LABELS = ["benign", "malignant", "normal"];
const PREFIX = `busicli ${page.run} `;

const reviews = {
  kept: new Map(), // by key, what this browser or an opened file holds and OUT does not yet
  reviewer: "",
  keeps: Boolean(page.run), // whether this browser keeps them
  unsaved: false,
};

function keyOf(scan, at) {
  return `${PREFIX}${at + 1} ${scan.name}`;
}

/** Whether a scan can be decided on: it has masks, and the page belongs to a run. */
function isReviewable(scan) {
  return Boolean(page.run && scan.count);
}

/** The decision on a frame: one made here, else the one that the results hold; or undefined. */
function reviewAt(scan, at) {
  const applied = scan.decisions[at];
  return reviews.kept.get(keyOf(scan, at)) ?? (applied ? { decision: applied } : undefined);
}

/** The decision on a scan, once each of its frames has one: the one that changes most. */
function decisionOf(scan) {
  if (!isReviewable(scan) || !(reviews.kept.size || scan.decisions.length)) return "";
  const made = Array.from({ length: scan.count }, (_, at) => reviewAt(scan, at)?.decision);
  if (made.some((decision) => !decision)) return "";
  return STRONGEST.find((decision) => made.includes(decision)) ?? "";
}

/** Decide on one frame, or take the decision back where there is none. */
function setReview(scan, at, review) {
  const key = keyOf(scan, at);
  if (review) {
    reviews.kept.set(key, { ...review, at: utcOf(Date.now()), mask: scan.frames[at].mask_sha256 });
  } else reviews.kept.delete(key);
  reviews.unsaved = true;
  keep(key);
}

/** A time in milliseconds as reviews give it, to the second. */
function utcOf(time) {
  return new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}

function keep(key) {
  try {
    const review = reviews.kept.get(key);
    if (review) localStorage.setItem(key, JSON.stringify(review));
    else localStorage.removeItem(key);
  } catch {
    reviews.keeps = false;
  }
}

/** Take what this browser kept of this run; what the results hold by now, or of other masks, goes. */
function recall() {
  if (!page.run) return;
  try {
    reviews.reviewer = localStorage.getItem("busicli-reviewer") ?? "";
    const known = new Map();
    for (const scan of scans) {
      for (let at = 0; at < scan.count; at++) known.set(keyOf(scan, at), [scan, at]);
    }
    for (const key of Object.keys(localStorage)) {
      if (!key.startsWith(PREFIX)) continue;
      const place = known.get(key);
      const review = JSON.parse(localStorage.getItem(key));
      if (place && stillHolds(...place, review)) reviews.kept.set(key, review);
      else if (place) localStorage.removeItem(key);
    }
    localStorage.setItem(`${PREFIX}test`, "1");
    localStorage.removeItem(`${PREFIX}test`);
  } catch {
    reviews.keeps = false;
  }
}

/** Whether a review is of the mask that the page shows, and not yet among the results. */
function stillHolds(scan, at, review) {
  const known = scan.decisions[at] && scan.details.reviewed?.at >= review.at;
  return !known && review.mask === scan.frames[at].mask_sha256;
}

function setReviewer(name) {
  reviews.reviewer = name.trim().slice(0, 64);
  try {
    localStorage.setItem("busicli-reviewer", reviews.reviewer);
  } catch {
    // it holds until the page is closed
  }
}

/** The file of reviews, as the command reads it. */
function reviewsText() {
  const rows = [];
  for (const scan of scans) {
    for (let at = 0; at < scan.count; at++) {
      const review = reviews.kept.get(keyOf(scan, at));
      if (review) rows.push(rowOf(scan, at, review));
    }
  }
  const head = { format: FORMAT, version: VERSION, run: page.run, reviewer: reviews.reviewer };
  return JSON.stringify({ ...head, reviews: rows });
}

function rowOf(scan, at, review) {
  return {
    scan: scan.name,
    frame: at + 1,
    scan_sha256: scan.details.sha256,
    mask_sha256: scan.frames[at].mask_sha256,
    decision: review.decision,
    polygons: review.polygons ?? null,
    class: review.label || null,
    comment: review.comment ?? "",
    at: review.at,
  };
}

function isPoint(point) {
  const isNear = (value) => Number.isFinite(value) && Math.abs(value) <= FARTHEST_PX;
  return Array.isArray(point) && point.length === 2 && point.every(isNear);
}

/** Whether a time has been, by a clock that is at most a day ahead. */
function isPast(at) {
  const time = typeof at === "string" && UTC.test(at) ? Date.parse(at) : NaN;
  return time > 0 && time <= Date.now() + DAY_MS;
}

/** Whether an object of a JSON text names a value twice: readers differ in which they take. */
function namesTwice(text) {
  const open = [];
  for (const [token, colon] of text.matchAll(TOKENS)) {
    if (token === "{") open.push(new Set());
    else if (token === "}") open.pop();
    else if (colon) {
      const name = JSON.parse(token.slice(0, -colon.length));
      if (open.at(-1).has(name)) return true;
      open.at(-1).add(name);
    }
  }
  return false;
}

/** Whether a row of a file is a review as the command reads it. */
function isReview(row) {
  const polygons = row?.polygons ?? [];
  const comment = row?.comment ?? "";
  const isPolygon = (one) => Array.isArray(one) && one.length > 2 && one.every(isPoint);
  return (
    Object.hasOwn(DECISIONS, row?.decision) &&
    Array.isArray(polygons) &&
    polygons.every(isPolygon) &&
    polygons.flat().length <= MAX_POINTS &&
    (row.decision === "edited") === polygons.length > 0 &&
    Number.isInteger(row.frame) &&
    [null, undefined, "", ...LABELS].includes(row.class) &&
    typeof comment === "string" &&
    comment.length <= MAX_COMMENT &&
    isPast(row.at)
  );
}

/** Take the reviews of a file that was saved before; how many fit this page, or -1 if none can. */
function takeFile(text) {
  const found = JSON.parse(text);
  if (found?.format !== FORMAT || found.version !== VERSION || found.run !== page.run) return -1;
  if (namesTwice(text)) return -1;
  const byName = new Map(scans.map((scan) => [scan.name, scan]));
  let taken = 0;
  for (const row of found.reviews.filter(isReview)) {
    const scan = byName.get(row.scan);
    const at = row.frame - 1;
    const fits = scan && isReviewable(scan) && scan.frames[at]?.mask_sha256 === row.mask_sha256;
    if (!fits || scan.details.sha256 !== row.scan_sha256) continue;
    const review = { decision: row.decision, at: utcOf(Date.parse(row.at)), mask: row.mask_sha256 };
    if (row.decision === "edited") review.polygons = row.polygons;
    if (row.class) review.label = row.class;
    if (row.comment) review.comment = row.comment;
    const mine = reviews.kept.get(keyOf(scan, at));
    if (stillHolds(scan, at, review) && !(mine && mine.at >= review.at)) {
      reviews.kept.set(keyOf(scan, at), review);
      keep(keyOf(scan, at));
    }
    taken++;
  }
  if (!reviews.reviewer && typeof found.reviewer === "string") setReviewer(found.reviewer);
  return taken;
}

let fileHandle = null;

/** Save where the browser may write files, else as a download. Whether it was saved. */
async function saveFile() {
  const text = reviewsText();
  if (window.showSaveFilePicker) {
    try {
      fileHandle ??= await showSaveFilePicker({
        suggestedName: "reviews.json",
        types: [{ description: "Reviews", accept: { "application/json": [".json"] } }],
      });
      const file = await fileHandle.createWritable();
      await file.write(text);
      await file.close();
      return true;
    } catch (error) {
      fileHandle = null;
      if (error.name === "AbortError") return false;
    }
  }
  const made = make("a", "");
  made.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  made.download = "reviews.json";
  made.click();
  setTimeout(() => URL.revokeObjectURL(made.href), 60_000);
  return true;
}
