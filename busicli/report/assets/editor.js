// Correcting the mask of an open frame: points of its contours, or a brush; undo and redo.

const MOST_UNDO = 200;

const editor = {
  on: false,
  tool: "points", // or "paint", "erase"
  radius: 8, // of the brush, in the image's pixels
  brush: [0, 0], // where it is
  polygons: [],
  chosen: [0, 0], // a polygon and its point
  undo: [],
  redo: [],
  stroke: null, // { mask, from } while the brush is down
  moving: false, // whether a point is being dragged
};

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
    brush: middle(),
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
  endStroke();
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
  dropStroke();
  redraw();
}

/** Before each change: what it was is kept for undo. */
function remember() {
  endStroke();
  editor.undo.push(copied(editor.polygons));
  if (editor.undo.length > MOST_UNDO) editor.undo.shift();
  editor.redo = [];
}

function step(from, to) {
  if (editor.on) endStroke();
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
  endStroke();
  editor.tool = tool;
  redraw();
}

/** Show what is being edited, or what was before. */
function redraw() {
  const [at, point] = editor.chosen;
  const polygon = editor.polygons[at];
  if (!polygon) editor.chosen = [0, 0];
  else if (!polygon[point]) editor.chosen = [at, 0];
  if (editor.on) viewer.polygons = editor.polygons;
  figure.classList.toggle("editing", editor.on);
  figure.classList.toggle("brushing", isBrushing());
  find("view-bar").hidden = editor.on;
  find("edit-bar").hidden = !editor.on;
  for (const made of document.querySelectorAll("[data-tool]")) {
    made.setAttribute("aria-pressed", String(made.dataset.tool === editor.tool));
  }
  find("undo").disabled = !editor.undo.length;
  find("redo").disabled = !editor.redo.length;
  drawContours();
  showBrush();
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
  if (isBrushing()) {
    beginStroke(imagePoint(event));
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
  if (editor.stroke) {
    paintTo(imagePoint(event));
    showBrush(editor.stroke.from);
  } else if (editor.moving) movePoint(imagePoint(event));
  else return false;
  return true;
}

function endDrag() {
  endStroke();
  editor.moving = false;
}

/** Undo what a finger began before a second one came to zoom. */
function cancelDrag() {
  if (!editor.stroke && !editor.moving) return;
  dropStroke();
  editor.moving = false;
  editor.polygons = editor.undo.pop();
  redraw();
}

function hover(event) {
  if (isBrushing() && !editor.stroke) showBrush(imagePoint(event));
}

// --- with keys

const EDIT_KEYS = {
  " ": toggleBrush,
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
  const move = isBrushing() ? moveBrush : nudge;
  if (arrow) return () => move(...arrow.map((value) => value * (event.shiftKey ? 10 : 1)));
  return EDIT_KEYS[key] ?? null;
}
