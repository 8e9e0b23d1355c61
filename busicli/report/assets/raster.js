// Polygons and masks. Corners of pixels are whole numbers; busicli/imaging/polygons.py is the same.

/** The union of polygons as a mask of 0 and 1: pixels whose centre is inside, by even-odd. */
function polygonMask(polygons, width, height) {
  const mask = new Uint8Array(width * height);
  for (const polygon of polygons) {
    const flips = new Uint8Array((width + 1) * height);
    polygon.forEach(([x, y], at) => {
      const [endX, endY] = polygon[(at + 1) % polygon.length];
      const first = clamp(Math.ceil(Math.min(y, endY) - 0.5), 0, height);
      const last = clamp(Math.ceil(Math.max(y, endY) - 0.5), 0, height);
      for (let row = first; row < last; row++) {
        const crossing = x + ((row + 0.5 - y) * (endX - x)) / (endY - y);
        flips[row * (width + 1) + clamp(Math.ceil(crossing - 0.5), 0, width)] ^= 1;
      }
    });
    for (let row = 0; row < height; row++) {
      let inside = 0;
      for (let column = 0; column < width; column++) {
        inside ^= flips[row * (width + 1) + column];
        if (inside) mask[row * width + column] = 1;
      }
    }
  }
  return mask;
}

/** The outer contours of a mask's lesions, without their holes; the mask itself is used up. */
function maskPolygons(mask, width, height) {
  const found = [];
  for (let at = 0; at < mask.length; at++) {
    if (mask[at] !== 1) continue;
    const box = takeLesion(mask, width, height, at);
    found.push(looser(rimOf(mask, width, height, at), box));
    clearLesion(mask, width, box);
  }
  return found;
}

/** Mark one lesion as 2, corners included; its box. */
function takeLesion(mask, width, height, start) {
  const box = { left: width, top: height, right: 0, bottom: 0 };
  const waiting = [start];
  mask[start] = 2;
  while (waiting.length) {
    const at = waiting.pop();
    const x = at % width;
    const y = (at - x) / width;
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x + 1);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y + 1);
    for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
      for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
        if (mask[row * width + column] !== 1) continue;
        mask[row * width + column] = 2;
        waiting.push(row * width + column);
      }
    }
  }
  return box;
}

function clearLesion(mask, width, box) {
  for (let row = box.top; row < box.bottom; row++) {
    for (let at = row * width + box.left; at < row * width + box.right; at++) {
      if (mask[at] === 2) mask[at] = 0;
    }
  }
}

/** The points halfway along each pixel edge around a lesion, from its first pixel on. */
function rimOf(mask, width, height, start) {
  const inside = (x, y) =>
    x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] === 2;
  const [firstX, firstY] = [start % width, Math.floor(start / width)];
  let [x, y, dx, dy] = [firstX, firstY, 1, 0];
  const rim = [];
  do {
    rim.push([x + dx / 2, y + dy / 2]);
    [x, y] = [x + dx, y + dy];
    const left = inside(x + (dx + dy - 1) / 2, y + (dy - dx - 1) / 2);
    const right = inside(x + (dx - dy - 1) / 2, y + (dy + dx - 1) / 2);
    if (left) [dx, dy] = [dy, -dx];
    else if (!right) [dx, dy] = [-dy, dx];
  } while (x !== firstX || y !== firstY || dx !== 1 || dy !== 0);
  return rim;
}

/** As few of the points as keep the mask: Dice of at least 0.998. */
function looser(rim, box) {
  const [width, height] = [box.right - box.left, box.bottom - box.top];
  const moved = rim.map(([x, y]) => [x - box.left, y - box.top]);
  const whole = polygonMask([moved], width, height);
  let kept = moved;
  for (const loose of [1, 0.6, 0.3]) {
    kept = simplified(moved, loose);
    if (diceOf(whole, polygonMask([kept], width, height)) >= 0.998) break;
    kept = moved;
  }
  return kept.map(([x, y]) => [x + box.left, y + box.top]);
}

function diceOf(one, other) {
  let [both, sum] = [0, 0];
  for (let at = 0; at < one.length; at++) {
    both += one[at] & other[at];
    sum += one[at] + other[at];
  }
  return sum ? (2 * both) / sum : 1;
}

/** A closed polygon without points within `loose` pixels of it (Douglas and Peucker 1973). */
function simplified(rim, loose) {
  if (rim.length < 8) return rim;
  const closed = [...rim, rim[0]];
  const from = ([x, y]) => Math.hypot(x - rim[0][0], y - rim[0][1]);
  const far = closed.reduce((best, point, at) => (from(point) > from(closed[best]) ? at : best), 0);
  const kept = new Set([0, far]);
  const spans = [
    [0, far],
    [far, closed.length - 1],
  ];
  while (spans.length) {
    const [start, end] = spans.pop();
    const [run, rise] = [closed[end][0] - closed[start][0], closed[end][1] - closed[start][1]];
    const length = Math.hypot(run, rise) || 1;
    let [worst, most] = [0, loose];
    for (let at = start + 1; at < end; at++) {
      const [x, y] = [closed[at][0] - closed[start][0], closed[at][1] - closed[start][1]];
      const off = Math.abs(x * rise - y * run) / length;
      if (off > most) [worst, most] = [at, off];
    }
    if (!worst) continue;
    kept.add(worst);
    spans.push([start, worst], [worst, end]);
  }
  return rim.filter((_, at) => kept.has(at));
}

/** Set the pixels within a radius of the way from one point to another. */
function stamp(mask, width, height, [x, y], [endX, endY], radius, value) {
  const [run, rise] = [endX - x, endY - y];
  const length = run * run + rise * rise || 1;
  const bottom = Math.min(height, Math.ceil(Math.max(y, endY) + radius));
  const right = Math.min(width, Math.ceil(Math.max(x, endX) + radius));
  for (let row = Math.max(0, Math.floor(Math.min(y, endY) - radius)); row < bottom; row++) {
    for (let column = Math.max(0, Math.floor(Math.min(x, endX) - radius)); column < right; column++) {
      const [offX, offY] = [column + 0.5 - x, row + 0.5 - y];
      const along = clamp((offX * run + offY * rise) / length, 0, 1);
      if (Math.hypot(offX - along * run, offY - along * rise) <= radius) {
        mask[row * width + column] = value;
      }
    }
  }
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
