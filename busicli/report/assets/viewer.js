// The image of an open scan: zoom, pan, contour, probability, and the bare scan beside it.

const SVG = find("svg").namespaceURI;
const MOST_ZOOM = 40;
const COARSE_ZOOM = 4; // from here on single pixels are seen

const viewer = {
  width: 0, // of the image, in its own pixels
  height: 0,
  scale: 1,
  x: 0, // of its corner in the pane
  y: 0,
  fits: true,
  contour: true,
  veil: false,
  beside: false,
  polygons: [], // shown
};

const figure = find("figure");
const pointers = new Map();

/** Show a frame, wholly in view. `polygons` are drawn where the bare image is there. */
function showFrame(frame, polygons, words) {
  const source = frame.image || frame.overlay || frame.thumbnail;
  viewer.polygons = frame.image ? polygons : [];
  viewer.width = 0;
  if (!source) {
    figure.replaceChildren(make("p", "no-image", words));
    return;
  }
  const panes = [pane(frame, source, words, true)];
  if (viewer.beside && frame.image) panes.push(pane(frame, source, words, false));
  figure.replaceChildren(...panes);
}

function pane(frame, source, words, drawn) {
  const image = makeImage([source, frame.overlay, frame.thumbnail], words, false);
  image.alt = drawn ? "Scan with contours" : "Scan alone";
  image.draggable = false;
  const stage = make("div", "stage", image);
  if (drawn && frame.image) {
    if (frame.probability) stage.append(veilOf(frame.probability));
    const lines = document.createElementNS(SVG, "svg");
    lines.classList.add("lines");
    stage.append(lines);
  }
  const made = make("div", "pane", stage);
  image.addEventListener("load", () => {
    if (!drawn) return applyView();
    viewer.width = image.naturalWidth;
    viewer.height = image.naturalHeight;
    fit();
    drawContours();
  });
  return made;
}

function veilOf(address) {
  const veil = make("img", "veil");
  veil.alt = "";
  veil.src = address;
  return veil;
}

/** The whole image in its pane, as large as it can be. */
function fit() {
  const box = figure.querySelector(".pane")?.getBoundingClientRect();
  if (!box || !viewer.width) return;
  viewer.scale = Math.min(box.width / viewer.width, box.height / viewer.height) || 1;
  viewer.x = (box.width - viewer.width * viewer.scale) / 2;
  viewer.y = (box.height - viewer.height * viewer.scale) / 2;
  viewer.fits = true;
  applyView();
}

/** Zoom by a factor about a point of the pane; without one about its middle. */
function zoom(factor, point) {
  const box = figure.querySelector(".pane")?.getBoundingClientRect();
  if (!box || !viewer.width) return;
  const [x, y] = point ?? [box.width / 2, box.height / 2];
  const least = Math.min(box.width / viewer.width, box.height / viewer.height) / 2;
  const scale = clamp(viewer.scale * factor, least, MOST_ZOOM);
  viewer.x = x - ((x - viewer.x) * scale) / viewer.scale;
  viewer.y = y - ((y - viewer.y) * scale) / viewer.scale;
  viewer.scale = scale;
  viewer.fits = false;
  applyView();
}

function pan(x, y) {
  viewer.x += x;
  viewer.y += y;
  viewer.fits = false;
  applyView();
}

function applyView() {
  figure.classList.toggle("coarse", viewer.scale >= COARSE_ZOOM);
  figure.classList.toggle("plain", !viewer.contour);
  figure.classList.toggle("veiled", viewer.veil);
  for (const name of ["contour", "veil", "beside"]) {
    find(`show-${name}`).setAttribute("aria-pressed", String(viewer[name]));
  }
  find("show-veil").hidden = !figure.querySelector(".veil");
  for (const stage of figure.querySelectorAll(".stage")) {
    stage.style.width = `${viewer.width}px`;
    stage.style.height = `${viewer.height}px`;
    stage.style.transform = `translate(${viewer.x}px, ${viewer.y}px) scale(${viewer.scale})`;
    stage.style.setProperty("--scale", viewer.scale);
  }
}

/** Draw the contours, and the points of those that are being edited. */
function drawContours() {
  const lines = figure.querySelector(".lines");
  if (!lines || !viewer.width) return;
  lines.setAttribute("viewBox", `0 0 ${viewer.width} ${viewer.height}`);
  const drawn = viewer.polygons.flatMap((polygon, at) => [
    outline(polygon, at, "edge"),
    outline(polygon, at, "contour"),
  ]);
  lines.replaceChildren(...drawn, ...handles());
}

function outline(polygon, at, kind) {
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", `M${polygon.map((point) => point.join(" ")).join("L")}Z`);
  path.classList.add(kind);
  path.dataset.polygon = at;
  return path;
}

/** The middle of what is seen, in the image's pixels. */
function middle() {
  const box = figure.querySelector(".pane").getBoundingClientRect();
  const x = (box.width / 2 - viewer.x) / viewer.scale;
  const y = (box.height / 2 - viewer.y) / viewer.scale;
  return [clamp(x, 0, viewer.width), clamp(y, 0, viewer.height)];
}

/** Move the image so that a point of it is seen. */
function reveal([x, y]) {
  const box = figure.querySelector(".pane").getBoundingClientRect();
  const [left, top] = [viewer.x + x * viewer.scale, viewer.y + y * viewer.scale];
  const away = [clamp(left, 0, box.width) - left, clamp(top, 0, box.height) - top];
  if (away[0] || away[1]) pan(...away);
}

/** Where a pointer is, in the image's pixels. */
function imagePoint(event) {
  const box = figure.querySelector(".pane").getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  return [(x - viewer.x) / viewer.scale, (y - viewer.y) / viewer.scale];
}

function onWheel(event) {
  if (!viewer.width) return;
  event.preventDefault();
  const box = event.target.closest(".pane")?.getBoundingClientRect();
  if (!box) return;
  const step = event.deltaMode === 1 ? 24 * event.deltaY : event.deltaY;
  zoom(Math.exp(-clamp(step, -200, 200) / 400), [event.clientX - box.left, event.clientY - box.top]);
}

function onPointerDown(event) {
  if (!viewer.width || !event.target.closest(".pane")) return;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  figure.setPointerCapture(event.pointerId);
  if (pointers.size === 1 && event.button === 0 && startDrag(event)) event.preventDefault();
  if (pointers.size === 2) cancelDrag();
}

/** One pointer edits or pans, two zoom and pan. */
function onPointerMove(event) {
  const before = pointers.get(event.pointerId);
  if (!before) return hover(event);
  const now = [event.clientX, event.clientY];
  if (pointers.size === 2) pinch(event.pointerId, before, now);
  else if (!drag(event)) pan(now[0] - before[0], now[1] - before[1]);
  pointers.set(event.pointerId, now);
}

function pinch(moved, before, now) {
  const [, other] = [...pointers].find(([id]) => id !== moved);
  const apart = ([x, y]) => Math.hypot(x - other[0], y - other[1]) || 1;
  const box = figure.querySelector(".pane").getBoundingClientRect();
  const about = [(before[0] + other[0]) / 2 - box.left, (before[1] + other[1]) / 2 - box.top];
  zoom(apart(now) / apart(before), about);
  pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
}

function onPointerUp(event) {
  if (pointers.delete(event.pointerId)) endDrag();
}

function toggleView(name) {
  viewer[name] = !viewer[name];
  if (name === "beside") showScan();
  else applyView();
}

figure.addEventListener("wheel", onWheel, { passive: false });
figure.addEventListener("pointerdown", onPointerDown);
figure.addEventListener("pointermove", onPointerMove);
figure.addEventListener("pointerup", onPointerUp);
figure.addEventListener("pointercancel", onPointerUp);
addEventListener("resize", () => {
  if (viewer.fits) fit();
});
