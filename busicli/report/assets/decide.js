// Deciding on the open scan, and going on to the next one that is left.

const draft = { label: "", comment: "" };

/** What the person said of the open frame's class before, or nothing. */
function readDraft() {
  const scan = state.listed[state.current];
  const review = reviewAt(scan, state.frame);
  const { reviewed } = scan.details;
  draft.label = review?.label ?? reviewed?.label ?? "";
  draft.comment = review?.comment ?? reviewed?.comment ?? "";
}

/** Decide on frames, by default on all that have no decision yet, and show the next scan left. */
function decide(decision, frames, polygons) {
  const scan = state.listed[state.current];
  if (!detail.open || !scan || !isReviewable(scan)) return;
  const open = scan.frames.map((_, at) => at).filter((at) => !reviewAt(scan, at));
  const wanted = frames ?? (open.length ? open : scan.frames.map((_, at) => at));
  for (const at of wanted) {
    const review = { decision };
    if (polygons) review.polygons = polygons;
    if (draft.label) review.label = draft.label;
    if (draft.comment) review.comment = draft.comment;
    setReview(scan, at, review);
  }
  afterDecision(scan);
}

function afterDecision(scan) {
  showProgress();
  renewCard(scan);
  if (!decisionOf(scan)) showScan();
  else if (!turnToLeft()) {
    showScan();
    say("No listed scan is left to review.");
  }
}

/** Open the next listed scan that has no decision, all round once; false where there is none. */
function turnToLeft() {
  const count = state.listed.length;
  for (let on = 1; on <= count; on++) {
    const at = (state.current + on) % count;
    if (isLeft(state.listed[at])) {
      turnTo(at);
      return true;
    }
  }
  return false;
}

function isLeft(scan) {
  return isReviewable(scan) && !decisionOf(scan);
}

/** Take back what was decided here on the open scan. */
function withdraw() {
  const scan = state.listed[state.current];
  if (!detail.open || !scan || !isReviewable(scan)) return;
  scan.frames.forEach((_, at) => setReview(scan, at, null));
  showProgress();
  renewCard(scan);
  showScan();
}

/** Class and comment go with the decision; where there is one already, at once. */
function setDraft(change) {
  const scan = state.listed[state.current];
  if (!detail.open || !scan || !isReviewable(scan)) return;
  Object.assign(draft, change);
  const review = reviews.kept.get(keyOf(scan, state.frame));
  if (review) setReview(scan, state.frame, { ...review, ...draft });
  find("label").value = draft.label;
  showProgress();
}

/** The decision, class and comment of the open frame. */
function decisionPanel(scan) {
  if (!isReviewable(scan)) return null;
  const review = reviewAt(scan, state.frame);
  const keys = { accepted: "a", edited: "e", no_lesion: "n", rejected: "r" };
  const names = { accepted: "Accept", edited: "Edit", no_lesion: "No lesion", rejected: "Reject" };
  const buttons = Object.keys(DECISIONS).map((decision) => {
    const made = button("decision", names[decision], make("kbd", "", keys[decision]));
    made.dataset.decision = decision;
    made.setAttribute("aria-pressed", String(review?.decision === decision));
    made.setAttribute("aria-keyshortcuts", keys[decision]);
    made.addEventListener("click", () => (decision === "edited" ? startEdit() : decide(decision)));
    return made;
  });
  const group = make("div", "decisions", ...buttons);
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Decision");
  return make("div", "panel", group, labelField(), commentField(), standing(scan, review));
}

function labelField() {
  const select = make("select", "");
  select.id = "label";
  select.append(new Option("not given", ""));
  LABELS.forEach((label, at) => select.append(new Option(`${label} (${at + 1})`, label)));
  select.value = draft.label;
  select.addEventListener("change", () => setDraft({ label: select.value }));
  return make("label", "field", make("span", "soft", "Class"), select);
}

function commentField() {
  const input = make("input", "");
  input.id = "comment";
  input.maxLength = 2000;
  input.value = draft.comment;
  input.autocomplete = "off";
  input.addEventListener("change", () => setDraft({ comment: input.value.trim() }));
  return make("label", "field", make("span", "soft", "Comment"), input);
}

/** What holds by now, in words, and how to take it back. */
function standing(scan, review) {
  const mine = reviews.kept.has(keyOf(scan, state.frame));
  const applied = scan.details.reviewed;
  const words = mine
    ? `${DECISIONS[review.decision]} on this page; not yet among the results.`
    : review && applied
      ? `${DECISIONS[review.decision]} by ${applied.reviewer}, ${applied.at.slice(0, 10)}.`
      : "Not reviewed yet.";
  const back = button("small", "Take back", make("kbd", "", "x"));
  back.addEventListener("click", withdraw);
  return make("p", "standing", make("span", "soft", words), mine ? back : null);
}

// --- reviewer, progress, file

function showProgress() {
  const all = scans.filter(isReviewable);
  const done = all.filter(decisionOf).length;
  const [part, whole] = [done, all.length].map((n) => n.toLocaleString("en"));
  find("progress").textContent = `${part} of ${whole} reviewed`;
  find("meter").max = Math.max(1, all.length);
  find("meter").value = done;
  find("save").disabled = !reviews.kept.size;
  find("save").classList.toggle("wanted", reviews.unsaved && reviews.kept.size > 0);
  find("unkept").hidden = reviews.keeps;
}

async function save() {
  if (!reviews.kept.size) {
    say("There is no new decision to save.");
    return;
  }
  if (!reviews.reviewer) {
    if (detail.open) detail.close();
    find("reviewer").focus();
    say("Enter your initials, then save.");
    return;
  }
  if (!(await saveFile())) return;
  reviews.unsaved = false;
  showProgress();
  say(`Saved ${counted(reviews.kept.size, "decision")}. Apply: busicli review OUT reviews.json`);
}

async function openFile(event) {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  let taken = -1;
  try {
    taken = takeFile(await file.text());
  } catch {
    // no file of reviews
  }
  find("reviewer").value = reviews.reviewer;
  showProgress();
  renewCards();
  const fitting = `${counted(taken, "decision")} of the file fit${taken === 1 ? "s" : ""} this page.`;
  say(taken < 0 ? "This is no file of reviews of this page." : fitting);
}

function beginReviews() {
  find("reviewing").hidden = !page.run;
  find("decided").hidden = !page.run;
  if (!page.run) return;
  find("reviewer").value = reviews.reviewer;
  find("reviewer").addEventListener("change", (event) => setReviewer(event.target.value));
  find("save").addEventListener("click", save);
  find("open").addEventListener("click", () => find("file").click());
  find("file").addEventListener("change", openFile);
  addEventListener("beforeunload", (event) => {
    if (reviews.unsaved && !reviews.keeps) event.preventDefault();
  });
  recall();
  showProgress();
  if (reviews.kept.size) renewCards();
}
