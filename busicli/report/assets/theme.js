"use strict";

const darkWanted = matchMedia("(prefers-color-scheme: dark)");

/** The theme chosen on this computer, else the one that its system asks for. */
function chosenTheme() {
  let kept = null;
  try {
    kept = localStorage.getItem("busicli-theme");
  } catch {
    // a browser that keeps nothing: the system's theme it is
  }
  return kept === "dark" || kept === "light" ? kept : darkWanted.matches ? "dark" : "light";
}

function applyTheme() {
  document.documentElement.dataset.theme = chosenTheme();
}

function toggleTheme() {
  const other = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = other;
  try {
    localStorage.setItem("busicli-theme", other);
  } catch {
    // it holds until the page is closed
  }
}

darkWanted.addEventListener("change", applyTheme);
applyTheme();
