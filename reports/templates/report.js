"use strict";
// Sorting of tables and playing of examples. Without it all tables read and all players work in the browser's own way.

const status = document.getElementById("status");

function sortTable(head) {
  const direction = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  const sign = direction === "ascending" ? 1 : -1;
  const column = head.cellIndex;
  const body = head.closest("table").tBodies[0];
  const keyed = [...body.rows].map((row) => {
    const cell = row.cells[column];
    const text = cell.dataset.sort ?? cell.textContent.trim();
    return { row, text, number: cell.tagName === "TD" && text !== "" ? Number(text) : NaN, isGap: text === "" };
  });
  keyed.sort((a, b) => {
    if (a.isGap || b.isGap) return a.isGap - b.isGap; // gaps stay last in both directions
    if (!Number.isNaN(a.number) && !Number.isNaN(b.number)) return sign * (a.number - b.number);
    return sign * a.text.localeCompare(b.text, "en", { numeric: true });
  });
  body.append(...keyed.map((entry) => entry.row));
  for (const other of head.parentElement.cells) other.setAttribute("aria-sort", other === head ? direction : "none");
  status.textContent = `Sorted by ${head.textContent.trim()}, ${direction}`;
}

for (const button of document.querySelectorAll(".sortable thead button")) {
  button.addEventListener("click", () => sortTable(button.closest("th")));
}

// What is folded away on the screen is printed too.
const folded = () => [...document.querySelectorAll("details:not([open])")];
let foldedBefore = [];
window.addEventListener("beforeprint", () => {
  foldedBefore = folded();
  for (const details of foldedBefore) details.open = true;
});
window.addEventListener("afterprint", () => {
  for (const details of foldedBefore) details.open = false;
});

const keepPlace = document.getElementById("keep-place");
let lastHeard = null;

function showPlace(example, audio) {
  const line = example.querySelector(".playhead");
  line.removeAttribute("hidden");
  const share = audio.duration ? audio.currentTime / audio.duration : 0;
  line.setAttribute("transform", `translate(${share * Number(line.dataset.width)} 0)`);
  if (!audio.paused) requestAnimationFrame(() => showPlace(example, audio));
}

function showState(example, isPlaying) {
  example.classList.toggle("is-playing", isPlaying);
  const button = example.querySelector(".play");
  const word = isPlaying ? "Pause" : "Play";
  button.firstElementChild.textContent = isPlaying ? "❚❚" : "▶";
  button.querySelector(".word").textContent = word;
  button.setAttribute("aria-label", button.getAttribute("aria-label").replace(/^\w+/, word));
}

function start(example, atSeconds) {
  const audio = example.querySelector("audio");
  if (lastHeard && lastHeard !== audio) lastHeard.pause();
  const place = atSeconds ?? placeOf(audio);
  const play = () => {
    if (place !== null) audio.currentTime = Math.min(place, audio.duration - 0.01);
    audio.play();
  };
  lastHeard = audio;
  if (audio.readyState > 0) play();
  else {
    audio.addEventListener("loadedmetadata", play, { once: true });
    audio.load();
  }
}

// Where to begin: at the place of the last heard version of the same clip, if there is one and it has not ended.
function placeOf(audio) {
  if (!keepPlace?.checked || !lastHeard || lastHeard === audio || lastHeard.ended) return null;
  return lastHeard.closest(".clip") === audio.closest(".clip") ? lastHeard.currentTime : null;
}

for (const example of document.querySelectorAll(".example:has(audio)")) {
  const audio = example.querySelector("audio");
  const button = example.querySelector(".play");
  const picture = example.querySelector(".spectrogram");
  audio.removeAttribute("controls");
  button.hidden = false;
  button.addEventListener("click", () => (audio.paused ? start(example) : audio.pause()));
  audio.addEventListener("play", () => { showState(example, true); showPlace(example, audio); });
  audio.addEventListener("pause", () => showState(example, false));
  picture.addEventListener("click", (event) => {
    const image = picture.querySelector("image").getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - image.left) / image.width));
    const seek = () => start(example, share * audio.duration);
    if (audio.readyState > 0) seek();
    else {
      audio.addEventListener("loadedmetadata", seek, { once: true });
      audio.load();
    }
  });
}
