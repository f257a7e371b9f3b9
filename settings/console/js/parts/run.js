/** The runs of the rotation: one cell each, in the column of its week. The weekly run is at the bottom. */

import { html, useContext } from "../../vendor/preact-htm.js";
import { addressOf } from "../place.js";
import { DAY } from "./key.js";
import { Sign, Zone, absolute } from "./text.js";

/** @typedef {import("./responses.js").Run} Run */
/** @typedef {import("./responses.js").Runs} Runs */
/** @typedef {import("./text.js").Tone} Tone */

const WEEKS = 26;
/** How many runs of a week that the timer did not start have a cell. */
const MOST_OTHERS = 3;

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

/** The runs of 26 weeks, a column each. At the bottom is the run of the weekly timer, above it are others, the newest at
 * the top. @param {{ history: Runs }} props */
export function RunCells({ history: { Runs, ByWeek, HasMore } }) {
  const zone = useContext(Zone);
  const now = Date.now();
  /** @type {Run[][]} */
  const weeks = Array.from({ length: WEEKS }, () => []);
  for (const run of Runs) {
    const age = Math.max(0, Math.floor((now - Date.parse(run.Started)) / (7 * DAY * 1000))); // the clocks may differ
    weeks[WEEKS - 1 - age]?.push(run);
  }
  const none = weeks.filter((week) => !week.length).length;
  return html`${Runs.length === 0
    ? html`<p class="muted">No run has left a trace yet. The first one appears here, and stays for 26 weeks.</p>`
    : html`<ol class="weeks" aria-label="Weeks, the oldest first">${weeks.map((week, index) => {
        const weekly = week.filter((run) => run.By === ByWeek);
        const others = week.filter((run) => run.By !== ByWeek);
        const more = others.slice(MOST_OTHERS);
        return html`<li key=${index} class=${week.length ? "" : "empty"}>
          ${!week.length && html`<span class="hidden">No run</span>`}
          ${more.length > 0 && html`<span class="more" title=${`${more.length} more runs`}>+${more.length}<span class="hidden"> more runs</span></span>`}
          ${[...others.slice(0, MOST_OTHERS), ...weekly].map((run) => html`<${Cell} key=${run.RunId} run=${run} zone=${zone} isWeekly=${run.By === ByWeek} />`)}
        </li>`;
      })}</ol>
      <p class="ends muted small" aria-hidden="true"><span>26 weeks ago</span><span>this week</span></p>
      <p class="legend muted small"><span><${Sign} tone="ok" size=${16} />rotated</span><span><${Sign} tone="idle" size=${16} />nothing due</span>
        <span><${Sign} tone="warn" size=${16} />postponed or cut</span><span><${Sign} tone="bad" size=${16} />failed</span>
        ${none > 0 && html`<span><svg width="18" height="6" aria-hidden="true"><rect class="gap" width="18" height="6" rx="3" /></svg>no run</span>`}</p>`}
    ${HasMore && html`<p class="muted small">Older runs that the weekly timer did not start are left out.</p>`}`;
}

/** @param {{ run: Run, zone?: string, isWeekly: boolean }} props */
function Cell({ run, zone, isWeekly }) {
  const text = `${absolute(run.Started, zone)}${isWeekly ? "" : ` by ${run.By}`}: ${countsOf(run)}`;
  return html`<a class=${`run ${toneOfRun(run)}${isWeekly ? "" : " other"}`} href=${addressOf("runs", run.RunId)}
    title=${text} aria-label=${`Run of ${text}`}><${Sign} tone=${toneOfRun(run)} size=${isWeekly ? 20 : 16} /></a>`;
}
