// Correcting the mask of an open frame: points of its contours, or a brush; undo and redo.

const MOST_UNDO = 200;
const BRUSH = { least: 1, most: 200, step: 1.25 };

const editor = {
  on: false,
  tool: "points", // or "paint", "erase"
  radius: 8, // of the brush, in the image's pixels
  polygons: [],
  chosen: [0, 0], // a polygon and its point
  undo: [],
  redo: [],
  stroke: null, // { mask, from } while the brush is down
  moving: false, // whether a point is being dragged
};

const TOOLS = { points: "Points", paint: "Paint", erase: "Erase" };

function startEdit() {
  const frame = state.listed[state.current]?.frames[state.frame];
  if (!detail.open || editor.on || !isReviewable(state.listed[state.current])) return;
  if (!frame.image || !viewer.width) {
    say("This mask cannot be edited here: its image is not beside the page.");
    return;
  }
  const usual = clamp(Math.round(Math.max(viewer.width, viewer.height) / 60), 2, 40);
  Object.assign(editor, {
    on: true,
    polygons: copied(viewer.polygons),
    chosen: [0, 0],
    undo: [],
    redo: [],
    radius: usual,
  });
  viewer.contour = true;
  applyView();
  redraw();
  detail.focus();
}

function copied(polygons) {
  return polygons.map((polygon) => polygon.map(([x, y]) => [x, y]));
}

/** Leave editing; the decision follows from what was drawn. */
function finishEdit() {
  const rounded = editor.polygons
    .filter((polygon) => polygon.length > 2)
    .map((polygon) => polygon.map((point) => point.map((value) => Math.round(value * 10) / 10)));
  const mask = polygonMask(rounded, viewer.width, viewer.height);
  const frame = state.listed[state.current].frames[state.frame];
  const same = JSON.stringify(rounded) === JSON.stringify(frame.polygons);
  stopEdit();
  if (!mask.includes(1)) decide("no_lesion", [state.frame]);
  else if (same) decide("accepted", [state.frame]);
  else decide("edited", [state.frame], rounded);
}

function stopEdit() {
  editor.on = false;
  editor.stroke = null;
  redraw();
}

/** Before each change: what it was is kept for undo. */
function remember() {
  editor.undo.push(copied(editor.polygons));
  if (editor.undo.length > MOST_UNDO) editor.undo.shift();
  editor.redo = [];
}

function step(from, to) {
  if (!editor.on || !from.length) return;
  to.push(editor.polygons);
  editor.polygons = from.pop();
  redraw();
}

function undo() {
  step(editor.undo, editor.redo);
}

function redo() {
  step(editor.redo, editor.undo);
}

function setTool(tool) {
  editor.tool = tool;
  redraw();
}

function setRadius(factor) {
  editor.radius = clamp(editor.radius * factor, BRUSH.least, BRUSH.most);
  say(`Brush: ${Math.round(2 * editor.radius)} pixels wide.`);
}

/** Show what is being edited, or what was before. */
function redraw() {
  const [at, point] = editor.chosen;
  const polygon = editor.polygons[at];
  if (!polygon) editor.chosen = [0, 0];
  else if (!polygon[point]) editor.chosen = [at, 0];
  if (editor.on) viewer.polygons = editor.polygons;
  figure.classList.toggle("editing", editor.on);
  figure.classList.toggle("brushing", editor.on && editor.tool !== "points");
  find("view-bar").hidden = editor.on;
  find("edit-bar").hidden = !editor.on;
  for (const made of document.querySelectorAll("[data-tool]")) {
    made.setAttribute("aria-pressed", String(made.dataset.tool === editor.tool));
  }
  find("undo").disabled = !editor.undo.length;
  find("redo").disabled = !editor.redo.length;
  drawContours();
}

function handles() {
  if (!editor.on) return [];
  const grips = editor.polygons.map((polygon, at) => outline(polygon, at, "grip"));
  if (editor.tool !== "points") return [];
  const points = editor.polygons.flatMap((polygon, at) =>
    polygon.map(([x, y], place) => {
      const made = document.createElementNS(SVG, "circle");
      made.setAttribute("cx", x);
      made.setAttribute("cy", y);
      made.dataset.polygon = at;
      made.dataset.point = place;
      const isChosen = at === editor.chosen[0] && place === editor.chosen[1];
      made.classList.toggle("chosen", isChosen);
      return made;
    }),
  );
  return [...grips, ...points];
}

// --- with a pointer

/** Begin to paint, or to drag a point; false where the pointer is to pan. */
function startDrag(event) {
  if (!editor.on) return false;
  if (editor.tool !== "points") {
    remember();
    const { width, height } = viewer;
    const at = imagePoint(event);
    editor.stroke = { mask: polygonMask(editor.polygons, width, height), from: at };
    paintTo(at);
    return true;
  }
  const { polygon, point } = event.target.dataset ?? {};
  if (polygon === undefined) return false;
  remember();
  const at = Number(polygon);
  editor.chosen = [at, point === undefined ? addPoint(at, imagePoint(event)) : Number(point)];
  editor.moving = true;
  redraw();
  return true;
}

function drag(event) {
  if (editor.stroke) paintTo(imagePoint(event));
  else if (editor.moving) movePoint(imagePoint(event));
  else return false;
  return true;
}

function endDrag() {
  if (editor.stroke) {
    editor.polygons = maskPolygons(editor.stroke.mask, viewer.width, viewer.height);
    editor.stroke = null;
    figure.querySelector(".paint")?.remove();
    redraw();
  }
  editor.moving = false;
}

function paintTo(to) {
  const { mask, from } = editor.stroke;
  const value = editor.tool === "paint" ? 1 : 0;
  stamp(mask, viewer.width, viewer.height, from, to, editor.radius, value);
  showPaint(from, to);
  editor.stroke.from = to;
}

function showPaint(from, to) {
  let canvas = figure.querySelector(".paint");
  if (!canvas) {
    canvas = make("canvas", `paint ${editor.tool}`);
    canvas.width = viewer.width;
    canvas.height = viewer.height;
    figure.querySelector(".lines").before(canvas);
  }
  const context = canvas.getContext("2d");
  context.lineCap = "round";
  context.lineWidth = 2 * editor.radius;
  context.strokeStyle = editor.tool === "paint" ? "#ffd500" : "#000";
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(to[0] + 0.001, to[1]);
  context.stroke();
}

/** The brush as a ring where the pointer is. */
function hover(event) {
  const lines = figure.querySelector(".lines");
  lines?.querySelector(".brush")?.remove();
  if (!lines || !editor.on || editor.tool === "points") return;
  const ring = document.createElementNS(SVG, "circle");
  const [x, y] = imagePoint(event);
  ring.setAttribute("cx", x);
  ring.setAttribute("cy", y);
  ring.setAttribute("r", editor.radius);
  ring.classList.add("brush");
  lines.append(ring);
}

// --- points

/** A new point on the nearest edge of a polygon; its place. */
function addPoint(at, [x, y]) {
  const polygon = editor.polygons[at];
  const offs = polygon.map(([startX, startY], place) => {
    const [endX, endY] = polygon[(place + 1) % polygon.length];
    const [run, rise] = [endX - startX, endY - startY];
    const length = run * run + rise * rise || 1;
    const along = clamp(((x - startX) * run + (y - startY) * rise) / length, 0, 1);
    return Math.hypot(x - startX - along * run, y - startY - along * rise);
  });
  const place = offs.indexOf(Math.min(...offs)) + 1;
  polygon.splice(place, 0, [x, y]);
  return place;
}

function movePoint([x, y]) {
  const [at, place] = editor.chosen;
  const inside = [clamp(x, 0, viewer.width), clamp(y, 0, viewer.height)];
  editor.polygons[at][place] = inside;
  redraw();
}

function nudge(x, y) {
  const [at, place] = editor.chosen;
  const point = editor.polygons[at]?.[place];
  if (!point) return;
  remember();
  movePoint([point[0] + x, point[1] + y]);
}

/** Choose the next or the previous point, on into the next lesion. */
function choosePoint(by) {
  const all = editor.polygons.flatMap((polygon, at) => polygon.map((_, place) => [at, place]));
  if (!all.length) return;
  const now = all.findIndex(([at, place]) => at === editor.chosen[0] && place === editor.chosen[1]);
  editor.chosen = all[(now + by + all.length) % all.length];
  redraw();
}

/** A point halfway to the next one. */
function insertPoint() {
  const [at, place] = editor.chosen;
  const polygon = editor.polygons[at];
  if (!polygon) return;
  remember();
  const [[x, y], [endX, endY]] = [polygon[place], polygon[(place + 1) % polygon.length]];
  polygon.splice(place + 1, 0, [(x + endX) / 2, (y + endY) / 2]);
  editor.chosen = [at, place + 1];
  redraw();
}

/** A lesion of two points is none. */
function deletePoint() {
  const [at, place] = editor.chosen;
  const polygon = editor.polygons[at];
  if (!polygon) return;
  if (polygon.length <= 3) {
    deleteLesion();
    return;
  }
  remember();
  polygon.splice(place, 1);
  editor.chosen = [at, place % polygon.length];
  redraw();
}

function deleteLesion() {
  if (!editor.polygons.length) return;
  remember();
  editor.polygons.splice(editor.chosen[0], 1);
  editor.chosen = [0, 0];
  redraw();
}

/** A new lesion in the middle of what is seen, to be drawn into shape. */
function newLesion() {
  remember();
  const box = figure.querySelector(".pane").getBoundingClientRect();
  const x = clamp((box.width / 2 - viewer.x) / viewer.scale, 0, viewer.width);
  const y = clamp((box.height / 2 - viewer.y) / viewer.scale, 0, viewer.height);
  const radius = Math.min(box.width, box.height) / viewer.scale / 10;
  const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((part) => [
    clamp(x + radius * Math.cos((part * Math.PI) / 4), 0, viewer.width),
    clamp(y + radius * Math.sin((part * Math.PI) / 4), 0, viewer.height),
  ]);
  editor.polygons.push(corners);
  editor.chosen = [editor.polygons.length - 1, 0];
  setTool("points");
}

const EDIT_KEYS = {
  Enter: finishEdit,
  Escape: stopEditing,
  v: () => setTool("points"),
  b: () => setTool("paint"),
  x: () => setTool("erase"),
  "[": () => setRadius(1 / BRUSH.step),
  "]": () => setRadius(BRUSH.step),
  u: undo,
  y: redo,
  l: newLesion,
  i: insertPoint,
  ".": () => choosePoint(1),
  ",": () => choosePoint(-1),
  Delete: deletePoint,
  Backspace: deletePoint,
  d: deleteLesion,
  c: () => toggleView("contour"),
  "+": () => zoom(1.25),
  "=": () => zoom(1.25),
  "-": () => zoom(0.8),
  0: fit,
};

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function stopEditing() {
  stopEdit();
  showScan();
}

/** The action of a key while a mask is edited, or nothing. */
function editAction(event, key) {
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") return event.shiftKey ? redo : undo;
    return key === "y" ? redo : null;
  }
  const arrow = ARROWS[key];
  if (arrow) return () => nudge(...arrow.map((value) => value * (event.shiftKey ? 10 : 1)));
  return EDIT_KEYS[key] ?? null;
}
