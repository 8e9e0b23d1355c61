// The points of the contours that are edited.

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
  reveal(editor.polygons[at][place]);
}

/** Choose the next or the previous point, on into the next lesion. */
function choosePoint(by) {
  const all = editor.polygons.flatMap((polygon, at) => polygon.map((_, place) => [at, place]));
  if (!all.length) return;
  const now = all.findIndex(([at, place]) => at === editor.chosen[0] && place === editor.chosen[1]);
  const [at, place] = all[(now + by + all.length) % all.length];
  editor.chosen = [at, place];
  redraw();
  reveal(editor.polygons[at][place]);
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
  const [x, y] = middle();
  const radius = Math.min(box.width, box.height) / viewer.scale / 10;
  const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((part) => [
    clamp(x + radius * Math.cos((part * Math.PI) / 4), 0, viewer.width),
    clamp(y + radius * Math.sin((part * Math.PI) / 4), 0, viewer.height),
  ]);
  editor.polygons.push(corners);
  editor.chosen = [editor.polygons.length - 1, 0];
  setTool("points");
}
