// The scans as cards. Only those near the window are in the document, however many there are.

const GAP_PX = 12;
const NARROW_PX = 600;
const CARD_PX = { narrow: 150, wide: 196 };
const SPARE_ROWS = 2;
const MOST_PRINTED = 1000;

const grid = find("grid");
const cards = new Map(); // by scan
const layout = { space: 0, columns: 1, width: 0, height: 0 };
let drawing = 0;

/** Work out columns and sizes for the window, and draw. */
function layOut() {
  layout.space = grid.clientWidth;
  const least = layout.space < NARROW_PX ? CARD_PX.narrow : CARD_PX.wide;
  layout.columns = Math.max(1, Math.floor((layout.space + GAP_PX) / (least + GAP_PX)));
  layout.width = Math.floor((layout.space - GAP_PX * (layout.columns - 1)) / layout.columns);
  layout.height = Math.round(layout.width * 0.75) + measuredWords();
  const rows = Math.ceil(state.listed.length / layout.columns);
  grid.style.height = `${Math.max(0, rows * (layout.height + GAP_PX) - GAP_PX)}px`;
  drawGrid();
}

function layOutAnew() {
  if (grid.clientWidth !== layout.space) layOut();
  else drawGrid();
}

/** How tall the words below an image are with this reader's font. */
function measuredWords() {
  if (!scans.length) return 0;
  const sample = card(new Scan({ ...scans[0], thumbnail: "" }, 0));
  grid.append(sample);
  const height = sample.lastElementChild.offsetHeight;
  sample.remove();
  return height;
}

/** Put the cards near the window into the document, and take the others out. */
function drawGrid() {
  if (document.documentElement.classList.contains("printing")) return;
  const step = layout.height + GAP_PX;
  const above = -grid.getBoundingClientRect().top;
  const first = Math.max(0, Math.floor(above / step) - SPARE_ROWS) * layout.columns;
  const last = (Math.ceil((above + innerHeight) / step) + SPARE_ROWS) * layout.columns;
  place(first, Math.min(state.listed.length, Math.max(0, last)));
}

function place(first, end) {
  const wanted = new Set(state.listed.slice(first, end));
  for (const [scan, element] of cards) {
    if (wanted.has(scan)) continue;
    element.remove();
    cards.delete(scan);
  }
  for (let at = first; at < end; at++) {
    const scan = state.listed[at];
    if (!cards.has(scan)) {
      cards.set(scan, card(scan));
      grid.append(cards.get(scan));
    }
    settle(cards.get(scan), at);
  }
  const current = cards.get(state.listed[state.current]);
  if (current) grid.setAttribute("aria-activedescendant", current.id);
  else grid.removeAttribute("aria-activedescendant");
}

function settle(element, at) {
  const column = at % layout.columns;
  const row = (at - column) / layout.columns;
  element.style.width = `${layout.width}px`;
  element.style.height = `${layout.height}px`;
  element.style.left = `${column * (layout.width + GAP_PX)}px`;
  element.style.top = `${row * (layout.height + GAP_PX)}px`;
  element.style.order = at;
  element.setAttribute("aria-posinset", at + 1);
  element.setAttribute("aria-setsize", state.listed.length);
  element.setAttribute("aria-selected", String(at === state.current));
}

function card(scan) {
  const [folder, name] = parts(scan);
  const shown = makeImage([scan.thumbnail], wordsFor(scan), true);
  const score = make("span", "score", scoreText(scan));
  if (score.textContent) score.prepend(make("span", "unseen", `${page.score} `));
  const title = make("p", "card-name", name);
  title.title = scan.name;
  const words = make(
    "div",
    "words",
    title,
    make("p", "card-line", make("span", "cut soft", folder || scan.origin || " "), badgeOf(scan)),
    make(
      "p",
      "card-line",
      make("span", "cut", scan.line || " "),
      score,
    ),
  );
  const element = make("div", "card", make("div", "image", shown), words);
  element.id = `scan-${scan.id}`;
  element.classList.add(decisionOf(scan) ? "decided" : (scan.badge?.kind ?? "plain"));
  element.setAttribute("role", "option");
  element.addEventListener("click", () => {
    select(state.listed.indexOf(scan));
    openScan();
  });
  return element;
}

/** Make a card again after a decision. */
function renewCard(scan) {
  cards.get(scan)?.remove();
  if (cards.delete(scan)) drawGrid();
}

function renewCards() {
  for (const element of cards.values()) element.remove();
  cards.clear();
  layOut();
}

/** Look at another listed scan and bring its card into the window. */
function select(at) {
  if (at < 0 || at >= state.listed.length) return;
  state.current = at;
  const top = Math.floor(at / layout.columns) * (layout.height + GAP_PX);
  const origin = grid.getBoundingClientRect().top + scrollY;
  const [from, to] = [origin + top - barHeight(), origin + top + layout.height + GAP_PX];
  if (scrollY > from) scrollTo(0, from);
  else if (scrollY + innerHeight < to) scrollTo(0, to - innerHeight);
  drawGrid();
}

/** How much of the window the filters cover while they stick to its top. */
function barHeight() {
  const bar = document.querySelector(".filters");
  return getComputedStyle(bar).position === "sticky" ? bar.offsetHeight + GAP_PX : GAP_PX;
}

/** Before printing, all that are listed stand on the paper, up to a limit. */
function printAll() {
  document.documentElement.classList.add("printing");
  place(0, Math.min(state.listed.length, MOST_PRINTED));
  for (const image of grid.querySelectorAll("img")) image.loading = "eager";
}

function printed() {
  document.documentElement.classList.remove("printing");
  layOut();
}

/** After scrolling or another size of the window, once however often it happens. */
function drawSoon() {
  drawing ||= requestAnimationFrame(() => {
    drawing = 0;
    layOutAnew();
  });
}
