// One scan, large, with everything that is known of it.

const detail = find("detail");

function openScan() {
  if (!state.listed.length || !detailLines.length) return;
  state.frame = state.listed[state.current].first;
  if (editor.on) stopEdit();
  openDialog(detail); // first: the image is fitted to what the dialog leaves it
  showScan();
}

/** Show another listed scan in the open dialog. */
function turnTo(at) {
  if (at < 0 || at >= state.listed.length) return;
  select(at);
  if (detail.open) openScan();
}

function showScan() {
  const scan = state.listed[state.current];
  const frame = scan.frames[state.frame] ?? {};
  find("place").textContent = `${state.current + 1} of ${state.listed.length.toLocaleString("en")}`;
  find("detail-name").textContent = parts(scan)[1];
  find("previous").disabled = state.current === 0;
  find("next").disabled = state.current === state.listed.length - 1;
  readDraft();
  const polygons = reviewAt(scan, state.frame)?.polygons ?? frame.polygons ?? [];
  const empty = reviewAt(scan, state.frame)?.decision === "no_lesion";
  showFrame(frame, empty ? [] : polygons, wordsFor(scan));
  find("aside").replaceChildren(...described(scan, frame));
  find("aside").scrollTop = 0;
  readAhead(state.listed[state.current + 1]);
  readAhead(state.listed.slice(state.current + 1).find(isLeft));
}

function described(scan, frame) {
  const badge = badgeOf(scan);
  return [
    make("p", "whole-name", scan.name),
    badge ? make("p", "", badge) : null,
    decisionPanel(scan),
    scan.reason ? make("p", "reason", scan.reason) : null,
    scan.frames.length > 1 ? framesOf(scan) : null,
    make("dl", "facts", ...pairs(scan.details.facts)),
    frame.lesions?.length ? lesionsOf(frame.lesions) : null,
    filesOf(frame),
    make("p", "device", "Not a medical device: a person must check every mask."),
  ].filter(Boolean);
}

function framesOf(scan) {
  const back = button("", "‹");
  const further = button("", "›");
  back.setAttribute("aria-label", "Previous frame");
  further.setAttribute("aria-label", "Next frame");
  back.disabled = state.frame === 0;
  further.disabled = state.frame === scan.frames.length - 1;
  back.addEventListener("click", () => turnFrame(-1));
  further.addEventListener("click", () => turnFrame(1));
  const caption = make("span", "", `Frame ${state.frame + 1} of ${scan.frames.length}`);
  caption.setAttribute("aria-live", "polite");
  return make("div", "frames", back, caption, further);
}

function turnFrame(step) {
  const frame = state.frame + step;
  if (!detail.open || !state.listed[state.current].frames[frame]) return;
  state.frame = frame;
  if (editor.on) stopEdit();
  showScan();
  detail.focus();
}

/** A row a measurement and a column a lesion; measurements that no lesion has are left out. */
function lesionsOf(lesions) {
  const heads = lesions.map((_, index) => make("th", "number", String(index + 1)));
  heads.forEach((head) => head.setAttribute("scope", "col"));
  const body = page.measures.flatMap(([label, unit], at) => {
    if (lesions.every((lesion) => !lesion[at])) return [];
    const head = make("th", "", label, unit ? make("span", "soft", `, ${unit}`) : null);
    head.setAttribute("scope", "row");
    return make("tr", "", head, ...lesions.map((own) => make("td", "number", own[at] || "–")));
  });
  const table = make(
    "table",
    "",
    make("thead", "", make("tr", "", make("th", "", "Lesion"), ...heads)),
    make("tbody", "", ...body),
  );
  return make("div", "scrolls", table);
}

function filesOf(frame) {
  const links = [
    ["Mask", frame.mask],
    ["Image with contour", frame.overlay],
  ].filter(([, address]) => address);
  if (!links.length) return null;
  return make("p", "files", ...links.map(([label, address]) => link(label, address)));
}

function link(label, address) {
  const made = make("a", "", label);
  made.href = address;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
  return made;
}

/** Have the next scan's image at hand before it is asked for. */
function readAhead(scan) {
  const frame = scan?.frames[scan.first];
  if (frame) new Image().src = frame.image || frame.overlay || frame.thumbnail || "data:,";
}
