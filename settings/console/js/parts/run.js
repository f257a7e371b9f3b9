/** The runs of the rotation: one cell each, in the column of its week. */

import { html, useContext } from "../../vendor/preact-htm.js";
import { addressOf } from "../place.js";
import { DAY } from "./key.js";
import { Sign, Zone, absolute } from "./text.js";

/** @typedef {import("./responses.js").Run} Run */
/** @typedef {import("./text.js").Tone} Tone */

const WEEKS = 26;

/** Return the outcome of a run. @param {Run} run @returns {Tone} */
export function toneOfRun(run) {
  if (run.Failed) return "bad";
  if (run.Postponed || !run.Ended) return "warn";
  return run.Rotated ? "ok" : "idle";
}

/** Return a run as a sentence. @param {Run} run */
export function countsOf(run) {
  const counts = [`${run.Rotated} rotated`, `${run.Unchanged} unchanged`, `${run.Failed} failed`, `${run.Postponed} postponed`];
  return counts.filter((text) => !text.startsWith("0 ")).join(", ") || "no keys";
}

/** @param {{ runs: Run[] }} props */
export function RunCells({ runs }) {
  const zone = useContext(Zone);
  const now = Date.now();
  const recent = runs.filter((run) => now - Date.parse(run.Started) < WEEKS * 7 * DAY * 1000);
  if (!recent.length) return html`<p class="muted">There was no run yet.</p>`;
  /** @type {Run[][]} */
  const weeks = Array.from({ length: WEEKS }, () => []);
  for (const run of recent) weeks[WEEKS - 1 - Math.floor((now - Date.parse(run.Started)) / (7 * DAY * 1000))]?.unshift(run);
  return html`<ol class="weeks">${weeks.map((week, index) => html`<li key=${index} class=${week.length ? "" : "empty"}>
    ${week.map((run) => html`<a key=${run.RunId} class=${`run ${toneOfRun(run)}`} href=${addressOf("runs", run.RunId)}
      title=${`${absolute(run.Started, zone)}: ${countsOf(run)}`}
      aria-label=${`Run of ${absolute(run.Started, zone)}: ${countsOf(run)}`}><${Sign} tone=${toneOfRun(run)} /></a>`)}
  </li>`)}</ol>
  <p class="legend muted small"><span><${Sign} tone="ok" size=${16} />rotated</span><span><${Sign} tone="idle" size=${16} />nothing due</span>
    <span><${Sign} tone="warn" size=${16} />postponed or cut</span><span><${Sign} tone="bad" size=${16} />failed</span></p>`;
}
