// What the server's page mounts.

import { HeadphoneCheck, LevelCheck } from "./checks.js";
import { Trial } from "./trial.js";

const PAGES = { trial: Trial, level: LevelCheck, headphones: HeadphoneCheck };

/** Builds data.page below `root`; `trigger(name, value)` tells the server's script. Returns the page: unmount(). */
export function mount(root, data, trigger) {
  return new PAGES[data.page](root, data, trigger);
}
