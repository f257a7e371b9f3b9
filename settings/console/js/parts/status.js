/** Whether CIPP is up, since when, and until when its keys work: what every role of CIPP may know. */

import { html, useContext } from "../../vendor/preact-htm.js";
import { DAY } from "./key.js";
import { Name, Sign, When, Zone, absolute, relative, secondsTo } from "./text.js";

/** @typedef {import("./responses.js").Status} Status */
/** @typedef {import("./text.js").Tone} Tone */

/** How long a start takes at most, in seconds. */
const LONGEST_START = 600;
/** Between two looks that are so close, in seconds, it does not matter when the condition began. */
const CLOSE = 120;

/** Return the tone of the time until which CIPP works. @param {string | null} until @returns {Tone} */
export function toneOf(until) {
  if (!until) return "warn";
  const seconds = secondsTo(until);
  return seconds <= 0 ? "bad" : seconds < 14 * DAY ? "warn" : "ok";
}

/** Return the tone of a condition. @param {Status} status @returns {Tone} */
function toneOfCondition({ Condition, Since }) {
  if (Condition === "Up") return "ok";
  if (Condition === "Down") return "bad";
  return Condition === "Starting" && Since && secondsTo(Since) > -LONGEST_START ? "info" : "warn";
}

/** Until when CIPP works with its keys, as a sentence. @param {{ until: string | null, isUp: boolean }} props */
export function KeysPromise({ until, isUp }) {
  const zone = useContext(Zone);
  if (!until) return "How long CIPP keeps working is unknown.";
  if (toneOf(until) === "bad") return "CIPP doesn't work with its keys.";
  return html`${isUp ? "CIPP keeps working" : "CIPP's keys work"} until${" "}
    <time datetime=${until}>${absolute(until, zone)}</time>,${" "}<em>${relative(secondsTo(until))}</em>.`;
}

/** The condition of CIPP as the largest sentence of the page. If CIPP is up, until when it works is the largest one.
 * `state` is that of its app in Azure. @param {{ status: Status, state?: string | null }} props */
export function Standing({ status, state }) {
  const { Name: name, Condition, WorksUntil } = status;
  const isUp = Condition === "Up";
  const tone = isUp ? toneOf(WorksUntil) : toneOfCondition(status);
  const keys = html`<${KeysPromise} until=${WorksUntil} isUp=${isUp} />`;
  return html`<p class=${`promise ${tone}`}><${Sign} tone=${tone} size=${36} />
      <span>${Condition === "Down"
        ? html`CIPP is down: <${Name}>${name || "its main app"}<//> is ${state ? html`<${Name}>${state.toLowerCase()}<//>` : "not running"}.`
        : Condition === "Starting" ? "CIPP is starting." : isUp ? keys : "Whether CIPP is up is not known."}</span></p>
    ${status.Since && !(isUp && tone === "bad") && html`<p class=${isUp ? "muted under" : "under"}><${Beginning} status=${status} /></p>`}
    ${!isUp && html`<p class="second-promise">${keys}</p>`}`;
}

/** Since when CIPP is in its condition, as exactly as it is known. @param {{ status: Status }} props */
function Beginning({ status: { Condition, Since, SinceEarliest } }) {
  if (!Since) return null;
  const slow = Condition === "Starting" && secondsTo(Since) < -LONGEST_START
    ? " This takes longer than usual. Its log stream may show why." : "";
  if (!SinceEarliest) return html`${Condition} since <${When} at=${Since} /> or earlier.${slow}`;
  const gap = secondsTo(Since) - secondsTo(SinceEarliest);
  if (gap <= CLOSE) return html`${Condition} since <${When} at=${Since} />.${slow}`;
  return html`${Condition} since <${When} at=${Since} /> or earlier, but after <${When} at=${SinceEarliest} only="absolute" />.${slow}`;
}
