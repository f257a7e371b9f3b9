/** What every view writes with: names, times, states, sentences of the API, and text to copy. */

import { createContext, html, useContext, useEffect, useState } from "../../vendor/preact-htm.js";

/** @typedef {"ok" | "warn" | "bad" | "info" | "idle"} Tone */

/** The zone in which times are shown: undefined is the reader's own. */
export const Zone = createContext(/** @type {string | undefined} */ (undefined));

/** What each tone looks like without its colour. @type {Record<Tone, string>} */
const SYMBOLS = {
  ok: "M3.5 8.5l3 3 6-7",
  warn: "M8 3.5v5.5M8 12.2v.3",
  bad: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  info: "M8 7.2v5M8 4v.3",
  idle: "M4.5 8h7",
};

/** What each tone means, for readers who see neither colour nor symbol. @type {Record<Tone, string>} */
const MEANINGS = { ok: "Good", warn: "Warning", bad: "Problem", info: "Note", idle: "Inactive" };

/** A symbol in a circle. @param {{ tone: Tone, size?: number }} props */
export function Sign({ tone, size = 20 }) {
  return html`<span class=${`sign ${tone}`}>
    <svg viewBox="0 0 16 16" width=${size} height=${size} aria-hidden="true"><path d=${SYMBOLS[tone]} /></svg>
    <span class="hidden">${MEANINGS[tone]}: </span>
  </span>`;
}

/** A state as a label. @param {{ tone: Tone, children?: any }} props */
export function Badge({ tone, children }) {
  return html`<span class=${`badge ${tone}`}>
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d=${SYMBOLS[tone]} /></svg>${children}
  </span>`;
}

/** A name from Azure or from a table. It is text of any direction and length. @param {{ children?: any }} props */
export function Name({ children }) {
  return html`<bdi class="name">${children}</bdi>`;
}

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** Return how far a time is from now, such as "in 20 days". @param {number} seconds */
export function relative(seconds) {
  const words = new Intl.RelativeTimeFormat("en", { numeric: "always" });
  for (const [unit, length] of UNITS) {
    const count = seconds / length;
    // Near an expiry, a part of a day counts, so it is not rounded up.
    if (Math.abs(count) >= (unit === "day" ? 2 : 1)) {
      return words.format(Math.abs(count) > 10 ? Math.round(count) : Math.trunc(count), unit);
    }
  }
  return seconds > 0 ? "in less than a minute" : seconds > -10 ? "just now" : "less than a minute ago";
}

/** Return a time in a zone as text, such as "20 Dec 2026, 18:28". @param {string | number} at @param {string} [zone] */
export function absolute(at, zone) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  try {
    return format(date, zone);
  } catch {
    return `${format(date, "UTC")} UTC`; // the browser does not know the zone
  }
}

/** @param {Date} date @param {string} [timeZone] */
function format(date, timeZone) {
  return new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone }).format(date);
}

/** Return the seconds from now to a time. @param {string} at */
export function secondsTo(at) {
  return (Date.parse(at) - Date.now()) / 1000;
}

/** A time, absolute and relative. @param {{ at: string | null | undefined, only?: "relative" | "absolute" }} props */
export function When({ at, only }) {
  const zone = useContext(Zone);
  if (!at) return html`<span class="muted">unknown</span>`;
  const date = absolute(at, zone);
  if (only === "absolute") return html`<time datetime=${at}>${date}</time>`;
  const distance = relative(secondsTo(at));
  if (only === "relative") return html`<time datetime=${at} title=${date}>${distance}</time>`;
  return html`<time datetime=${at}>${date}<span class="muted"> (${distance})</span></time>`;
}

const UTC_TIME = /(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC/;

/** A sentence of the API. Its times are shown in the chosen zone. @param {{ text: string }} props */
export function Sentence({ text }) {
  const parts = text.split(UTC_TIME);
  /** @type {any[]} */
  const shown = [];
  for (let index = 0; index < parts.length; index += 3) {
    shown.push(parts[index]);
    if (index + 2 < parts.length) {
      shown.push(html`<${When} at=${`${parts[index + 1]}T${parts[index + 2]}:00Z`} only="absolute" />`);
    }
  }
  return html`<bdi class="sentence" dir="auto">${shown}</bdi>`;
}

/** Longer texts of problems are shortened. */
const LONG = 260;

/** Return what a long text states first, the whole text if it is not long. @param {string} text */
export function inShort(text) {
  if (text.length <= LONG) return text;
  const refused = /^(.*?): Azure returned (\d+)\b.*?\bMissing: (\S+?)\.?(?=\s|$)/s.exec(text);
  if (refused) return `${refused[1]}: Azure returned ${refused[2]}. Missing: ${refused[3]}.`;
  const end = text.lastIndexOf(". ", LONG);
  return end > 40 ? text.slice(0, end + 1) : text;
}

/** A text of the API that may be long. Its rest is behind a switch. @param {{ text: string }} props */
export function Long({ text }) {
  const short = inShort(text);
  if (short === text) return html`<p><${Sentence} text=${text} /></p>`;
  return html`<p><${Sentence} text=${short} /></p>
    <details class="more-text"><summary>Whole message</summary><p class="small"><${Sentence} text=${text} /></p></details>`;
}

/** Announce a text to a screen reader. While a dialog is open, all outside it is inert. @param {string} text */
export function announce(text) {
  const region = document.querySelector("dialog[open] .announcer") ?? document.getElementById("announcer");
  if (region) region.textContent = text;
}

/** A button that copies a text. `what` completes "Copy ...". @param {{ text: string, what: string }} props */
export function Copy({ text, what }) {
  const [state, setState] = useState("");
  useEffect(() => {
    if (!state) return;
    const timer = setTimeout(() => setState(""), 2500);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setState("Copied");
      announce(`Copied ${what}.`);
    } catch {
      setState("Select the text");
      announce("Couldn't copy. Select the text and copy it.");
    }
  };
  return html`<button type="button" class="small quiet" onClick=${copy} aria-label=${`${state || "Copy"} ${what}`}>
    ${state || "Copy"}
  </button>`;
}

/** A text in a box, with a button that copies it. @param {{ text: string, what: string }} props */
export function Copyable({ text, what }) {
  return html`<div class="copyable"><code dir="ltr" tabindex="0" role="group" aria-label=${what}>${text}</code>
    <${Copy} text=${text} what=${what} /></div>`;
}

/** A link to another site, such as the portal. Other schemes than https are shown as text, but for those of this app.
 * @param {{ to: string | null, children?: any }} props */
export function Outside({ to, children }) {
  if (!to || !(/^https:\/\//i.test(to) || to.startsWith(`${location.origin}/`))) return html`<span>${children}</span>`;
  return html`<a href=${to} target="_blank" rel="noopener noreferrer">
    ${children}<span class="hidden"> (opens a new tab)</span><svg class="outside" viewBox="0 0 16 16" width="12" height="12"
      aria-hidden="true"><path d="M6 3.5h6.5V10M12.5 3.5L4 12" /></svg></a>`;
}

/** The heading of a view. It gets the focus when the place changes. @param {{ title: string, children?: any }} props */
export function Heading({ title, children }) {
  return html`<div class="heading"><h1 tabindex="-1"><bdi class="name">${title}</bdi></h1>${children}</div>`;
}

/** The permission to read what the console shows, and the one that most controls need. */
export const READ = "CIPP.AppSettings.Read";
export const CONTROL = "CIPP.SuperAdmin.ReadWrite";

/** The roles that have a permission. @param {string} permission */
export function rolesWith(permission) {
  return permission.startsWith("CIPP.SuperAdmin.") ? "superadmin" : "admin or superadmin";
}
