// Making elements. What comes from the results is only ever set as text or as an image's address.

/** An element with a class and children: other elements, or text. */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

function button(className, ...children) {
  const element = make("button", className, ...children);
  element.type = "button";
  return element;
}

/** A number with its noun. */
function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

function find(id) {
  return document.getElementById(id);
}

/** A list of labels and texts. */
function pairs(rows) {
  return rows.map(([label, text]) => make("div", "", make("dt", "", label), make("dd", "", text)));
}

function badgeOf(scan) {
  const decision = decisionOf(scan);
  if (decision) return make("span", `badge decision-${decision}`, DECISIONS[decision].toLowerCase());
  if (!scan.badge) return null;
  const made = make("span", `badge ${scan.badge.kind}`, scan.badge.text);
  made.title = scan.badge.title ?? "";
  return made;
}

/** An image, or a few words where there is none or it does not load. */
function makeImage(addresses, words, lazy) {
  const wanted = addresses.filter(Boolean);
  if (!wanted.length) return make("p", "no-image", words);
  const image = make("img");
  image.alt = "";
  image.decoding = "async";
  if (lazy) image.loading = "lazy";
  image.addEventListener("error", () => {
    wanted.shift();
    if (wanted.length) image.src = wanted[0];
    else image.replaceWith(make("p", "no-image", "The image is not there."));
  });
  image.src = wanted[0];
  return image;
}

/** What stands where a scan has no image. */
function wordsFor(scan) {
  return scan.reason || "No image";
}

let messageTimer = 0;

/** A few words at the foot of the page that go by themselves. They stand in the dialog that is open,
 * for all else is hidden behind it, from eyes and from screen readers. */
function say(words) {
  const message = find("message");
  const host = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  if (message.parentElement !== host) host.append(message);
  message.textContent = words;
  message.classList.add("shown");
  clearTimeout(messageTimer);
  messageTimer = setTimeout(() => message.classList.remove("shown"), 2500);
}

/** An opened dialog takes the focus itself, so that keys go to the page and not to a button. */
function openDialog(dialog) {
  if (!dialog.open) dialog.showModal();
  dialog.focus();
}
