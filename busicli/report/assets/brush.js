// The brush of the editor: it paints or erases along its way, moved by a pointer or by keys.

const BRUSH = { least: 1, most: 200, step: 1.25 };

function isBrushing() {
  return editor.on && editor.tool !== "points";
}

function setRadius(factor) {
  editor.radius = clamp(editor.radius * factor, BRUSH.least, BRUSH.most);
  say(`Brush: ${Math.round(2 * editor.radius)} pixels wide.`);
  showBrush();
}

function beginStroke(at) {
  remember();
  const mask = polygonMask(editor.polygons, viewer.width, viewer.height);
  editor.stroke = { mask, from: at };
  paintTo(at);
}

function paintTo(to) {
  const { mask, from } = editor.stroke;
  const value = editor.tool === "paint" ? 1 : 0;
  stamp(mask, viewer.width, viewer.height, from, to, editor.radius, value);
  showPaint(from, to);
  editor.stroke.from = to;
}

/** Lift the brush: what it painted becomes part of the mask. */
function endStroke() {
  if (!editor.stroke) return;
  editor.polygons = maskPolygons(editor.stroke.mask, viewer.width, viewer.height);
  dropStroke();
  redraw();
}

function dropStroke() {
  editor.stroke = null;
  figure.querySelector(".paint")?.remove();
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

/** The brush as a ring where it is, in the image's pixels. */
function showBrush(at = editor.brush) {
  editor.brush = at;
  const lines = figure.querySelector(".lines");
  lines?.querySelector(".brush")?.remove();
  if (!lines || !isBrushing()) return;
  const ring = document.createElementNS(SVG, "circle");
  ring.setAttribute("cx", at[0]);
  ring.setAttribute("cy", at[1]);
  ring.setAttribute("r", editor.radius);
  ring.classList.add("brush");
  ring.classList.toggle("down", Boolean(editor.stroke));
  lines.append(ring);
}

// --- by keys

function moveBrush(x, y) {
  const [fromX, fromY] = editor.brush;
  const to = [clamp(fromX + x, 0, viewer.width), clamp(fromY + y, 0, viewer.height)];
  if (editor.stroke) paintTo(to);
  showBrush(to);
  reveal(to);
}

/** Put the brush down, or lift it. */
function toggleBrush() {
  if (!isBrushing()) return;
  if (editor.stroke) endStroke();
  else beginStroke(editor.brush);
  showBrush();
  const does = editor.tool === "paint" ? "adds" : "removes";
  say(editor.stroke ? `The brush ${does} where it moves; Space lifts it.` : "The brush is lifted.");
}
