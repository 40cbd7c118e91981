// Keys work wherever the focus is, except in someone else's fields. Never r or c: they are Streamlit's (rerun, clear
// the cache) and are kept from it, since a slip must not rerun the page.

const OF_STREAMLIT = new Set(["r", "c"]);

/**
 * @param {Node} root of the player
 * @param {(key: string, target: Element) => boolean} act true if the key was used
 * @returns {() => void} stops listening
 */
export function listenToKeys(root, act) {
  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const path = event.composedPath();
    const isInside = path.includes(root);
    if (!isInside && path[0].closest?.("input, textarea, select, [contenteditable=true], [role=dialog]")) return;
    // A key held down: one step of a rating after the other, but no flicker of stimuli.
    const isUseless = event.repeat && !/^(Arrow|Page)/.test(event.key);
    // The space bar presses the button that has the focus.
    const isPress = event.key === " " && path[0].closest?.("button, a, summary, input[type=radio]");
    const isUsed = !isUseless && !isPress && act(event.key, path[0]);
    if (isUsed) event.preventDefault();
    // The page's own keys listen further in or later; the browser's default still takes place.
    if (isUsed || OF_STREAMLIT.has(event.key)) event.stopImmediatePropagation();
  };
  // What is not used, but typed into the player, goes no further than the player.
  const onInside = (event) => event.stopPropagation();
  window.addEventListener("keydown", onKey, { capture: true });
  root.addEventListener("keydown", onInside);
  return () => {
    window.removeEventListener("keydown", onKey, { capture: true });
    root.removeEventListener("keydown", onInside);
  };
}
