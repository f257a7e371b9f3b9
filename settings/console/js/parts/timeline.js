/** The keys on a time axis: a bar from stored to expiry, older keys below it, now, the coming Sundays, and checks. */

import { html, useContext } from "../../vendor/preact-htm.js";
import { addressOf } from "../place.js";
import { DAY, kindOf, olderEnds, stateOf, titleOf } from "./key.js";
import { Badge, Name, Zone, absolute, relative, secondsTo } from "./text.js";

/** @typedef {import("./responses.js").KeyState} KeyState */
/** @typedef {{ start: number, end: number, now: number, sundays: number[], months: number[] }} Axis */
/** @typedef {{ keys: KeyState[], selected: Set<string>, toggle: (name: string) => void, nextWeek: string }} Rows */

const DAYS_BEFORE = 60;
const DAYS_AFTER = 150;

/** Return the axis around now. `nextWeek` is when the next week of the rotation starts.
 * @param {string} nextWeek @param {string} [zone] @returns {Axis} */
function axisOf(nextWeek, zone) {
  const now = Date.now();
  const start = now - DAYS_BEFORE * DAY * 1000;
  const end = now + DAYS_AFTER * DAY * 1000;
  const sundays = [];
  for (let at = Date.parse(nextWeek); at < end; at += 7 * DAY * 1000) sundays.push(at);
  const months = [];
  const month = new Date(start);
  month.setDate(1);
  month.setHours(0, 0, 0, 0);
  for (month.setMonth(month.getMonth() + 1); month.getTime() < end; month.setMonth(month.getMonth() + 1)) {
    months.push(month.getTime() - shiftOf(month, zone));
  }
  return { start, end, now, sundays, months };
}

/** Return by how many milliseconds the clocks of a zone are ahead of the reader's. @param {Date} at @param {string} [timeZone] */
function shiftOf(at, timeZone) {
  try {
    return Date.parse(at.toLocaleString("en-US", { timeZone })) - Date.parse(at.toLocaleString("en-US"));
  } catch {
    return 0; // the browser does not know the zone
  }
}

/** Return a place on the axis, in percent from 0 to 100. @param {Axis} axis @param {number} at */
function percent({ start, end }, at) {
  return Math.min(100, Math.max(0, ((at - start) / (end - start)) * 100));
}

/** @param {Rows} props */
export function Timeline({ keys, selected, toggle, nextWeek }) {
  const zone = useContext(Zone);
  const axis = axisOf(nextWeek, zone);
  return html`<div class="timeline">
    <div class="row axis" aria-hidden="true"><span></span><${Months} axis=${axis} zone=${zone} /><span></span></div>
    <ul>${keys.map((key) => html`<${Row} key=${key.Name} state=${key} axis=${axis} isSelected=${selected.has(key.Name)} toggle=${toggle} />`)}</ul>
    <p class="legend muted small">
      <span><svg width="26" height="10" aria-hidden="true"><rect class="bar ok" width="26" height="8" y="1" rx="4" /></svg> valid</span>
      <span><svg width="26" height="10" aria-hidden="true"><rect class="older" x="1" width="24" height="4" y="3" rx="2" /></svg> older, still valid</span>
      <span><svg width="8" height="14" aria-hidden="true"><line class="now" x1="4" x2="4" y1="0" y2="14" /></svg> now</span>
      <span><svg width="8" height="14" aria-hidden="true"><line class="sunday" x1="4" x2="4" y1="1" y2="14" /></svg> coming Sundays</span>
      <span><svg width="12" height="12" aria-hidden="true"><circle class="check" cx="6" cy="6" r="4" /></svg> last check</span>
    </p>
  </div>`;
}

/** One key on the axis, with the months above it. @param {{ state: KeyState, nextWeek: string }} props */
export function KeyLane({ state, nextWeek }) {
  const zone = useContext(Zone);
  const axis = axisOf(nextWeek, zone);
  return html`<div class="one-lane"><${Months} axis=${axis} zone=${zone} /><${Lane} state=${state} axis=${axis} tone=${stateOf(state).tone} /></div>`;
}

/** @param {{ axis: Axis, zone?: string }} props */
function Months({ axis, zone }) {
  return html`<span class="months" aria-hidden="true"><svg width="100%" height="18">${axis.months.map(
    (at) => html`<text key=${at} x=${`${percent(axis, at)}%`} y="13">${absolute(at, zone).split(" ")[1]}</text>`,
  )}</svg></span>`;
}

/** @param {{ state: KeyState, axis: Axis, isSelected: boolean, toggle: (name: string) => void }} props */
function Row({ state, axis, isSelected, toggle }) {
  const { tone, word } = stateOf(state);
  return html`<li class="row">
    <span class="key">
      <input type="checkbox" checked=${isSelected} aria-label=${`Select ${titleOf(state)}`} onChange=${() => toggle(state.Name)} />
      <span><a href=${addressOf("keys", state.Name)}><${Name}>${titleOf(state)}<//></a>
        <span class="muted small kind-of-key">${kindOf(state.Kind)}</span></span>
    </span>
    <${Lane} state=${state} axis=${axis} tone=${tone} />
    <span class="expiry"><${Badge} tone=${tone}>${word}<//>
      <span class="muted small">${state.Ends ? `${secondsTo(state.Ends) > 0 ? "expires" : "expired"} ${relative(secondsTo(state.Ends))}` : ""}</span></span>
  </li>`;
}

/** The bar of a key and its marks. @param {{ state: KeyState, axis: Axis, tone: string }} props */
export function Lane({ state, axis, tone }) {
  const zone = useContext(Zone);
  const from = state.CurrentSince ? Date.parse(state.CurrentSince) : axis.start;
  const until = state.Ends ? Date.parse(state.Ends) : axis.end;
  const left = percent(axis, from);
  const right = percent(axis, until);
  const older = olderEnds(state).map((day) => percent(axis, Date.parse(day)));
  const proven = state.LastProven ? percent(axis, Date.parse(state.LastProven)) : null;
  const stored = state.CurrentSince ? `Stored ${absolute(state.CurrentSince, zone)}` : "Time of storing unknown";
  const expiry = state.Ends ? `expires ${absolute(state.Ends, zone)}` : "expiry unknown";
  const check = state.LastProven ? `, last check ${absolute(state.LastProven, zone)}` : "";
  const olderText = older.length ? `, ${older.length} older still valid` : "";
  const isBeyond = until > axis.end;
  return html`<svg class="lane" width="100%" height="34" role="img" aria-label=${`${stored}, ${expiry}${check}${olderText}.`}>
    ${axis.sundays.map((at) => html`<line key=${at} class="sunday" x1=${`${percent(axis, at)}%`} x2=${`${percent(axis, at)}%`} y1="4" y2="30" />`)}
    <rect class=${`bar ${tone}`} x=${`${left}%`} width=${`${Math.max(0.6, right - left)}%`} y="9" height="10" rx="5" />
    ${isBeyond && html`<text class="beyond" x="99.5%" y="31" text-anchor="end">until ${absolute(state.Ends ?? "", zone).split(",")[0]}</text>`}
    ${older.map((end, index) => html`<rect key=${index} class="older" x="0.3%" width=${`${Math.max(0.6, end - 0.3)}%`} y=${22 + 5 * index} height="4" rx="2" />`)}
    <line class="now" x1=${`${percent(axis, axis.now)}%`} x2=${`${percent(axis, axis.now)}%`} y1="1" y2="33" />
    ${proven !== null && html`<circle class="check" cx=${`${proven}%`} cy="14" r="4" />`}
  </svg>`;
}
