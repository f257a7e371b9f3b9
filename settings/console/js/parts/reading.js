/** What the API last returned for a read: loaded again every 15 s while the page is visible, and after a write. */

import { createContext, html, useContext, useEffect, useErrorBoundary, useState } from "../../vendor/preact-htm.js";
import { SIGN_IN, mayLose, read, signIn } from "../api.js";
import { addressOf } from "../place.js";
import { Outside, Sign, Zone, absolute } from "./text.js";

/** @typedef {import("../api.js").CallError} CallError */
/** @typedef {import("./responses.js").NotInThisShape} NotInThisShape */

const RELOAD_SECONDS = 15;
/** If a result was already old when it arrived, the next load comes earlier, but not earlier than this. */
const KEPT_SECONDS = 5;

/** Whether the caller may read. Until their permissions are known, they may not: a denied read has an entry in the log. */
export const MayRead = createContext(true);

/** The state of one read. `value` stays if a later load fails. `at` is of when it is, in milliseconds.
 * @template T
 * @typedef {{ value?: T, absent?: NotInThisShape, error?: CallError, at: number, loading: boolean, isCostly?: boolean }} Reading */

class Source {
  /** @param {string} endpoint @param {Record<string, string>} query @param {boolean} isCostly */
  constructor(endpoint, query, isCostly) {
    this.endpoint = endpoint;
    this.query = query;
    this.isCostly = isCostly;
    /** @type {Reading<any>} */
    this.reading = { at: 0, loading: false, isCostly };
    /** @type {Set<() => void>} */
    this.listeners = new Set();
    this.again = false;
    /** When the last load ended, in milliseconds. */
    this.tried = 0;
  }

  /** Load it. After a write, a load follows one that may have begun before. @param {boolean} [isAfterWrite] */
  async load(isAfterWrite = false) {
    if (this.reading.loading) {
      this.again ||= isAfterWrite;
      return;
    }
    do {
      this.again = false;
      this.change({ loading: true });
      try {
        const { results, whole, at, sent } = await read(this.endpoint, this.query);
        // The API keeps some results for a while. The clocks of the reader and the app may differ.
        const age = Math.max(0, sent - Date.parse(results?.AsOf)) || 0;
        this.change({ value: results, absent: whole?.NotInThisShape, error: undefined, at: at - age });
      } catch (error) {
        this.change({ error: /** @type {CallError} */ (error) });
      }
      this.tried = Date.now();
      this.change({ loading: false });
    } while (this.again);
  }

  /** @param {Partial<Reading<any>>} change */
  change(change) {
    this.reading = { ...this.reading, ...change };
    for (const listener of this.listeners) listener();
  }

  /** Return whether it is time for the next load. The API may request a longer wait, such as with 429. */
  isDue() {
    const { at, error, loading } = this.reading;
    if (loading) return false;
    if (error) return Date.now() > this.tried + Math.max(RELOAD_SECONDS, error.retryAfterSeconds) * 1000;
    return Date.now() > Math.max(at + RELOAD_SECONDS * 1000, this.tried + KEPT_SECONDS * 1000);
  }
}

/** @type {Map<string, Source>} */
const sources = new Map();

/** Return what is shown now. */
function shown() {
  return [...sources.values()].filter((source) => source.listeners.size > 0);
}

/** Load everything that is shown again. */
export function reload() {
  for (const source of shown()) source.load();
}

/** Load everything that is shown again. What is not shown is forgotten. */
export function reloadAfterWrite() {
  for (const [path, source] of sources) if (source.listeners.size === 0) sources.delete(path);
  for (const source of shown()) source.load(true);
}

/** Load what is shown of one endpoint again, if the page is visible. @param {string} endpoint */
export function reloadOne(endpoint) {
  if (document.visibilityState !== "visible") return;
  sources.get(pathOf(endpoint, {}))?.load();
}

/** @param {string} endpoint @param {Record<string, string>} query */
function pathOf(endpoint, query) {
  return `${endpoint} ${JSON.stringify(query)}`;
}

/** Return of when the oldest part of the page is, and whether something loads. */
export function freshness() {
  const readings = shown().map((source) => source.reading);
  const times = readings.filter((reading) => reading.at).map((reading) => reading.at);
  return { at: times.length ? Math.min(...times) : 0, loading: readings.some((reading) => reading.loading) };
}

setInterval(() => {
  if (document.visibilityState !== "visible") return;
  for (const source of shown()) if (source.isDue() && !source.isCostly) source.load();
}, 1000);

/** Return the state of a read while the component is shown. Without an endpoint, or while the caller may not read,
 * nothing is read. What is costly is loaded again only after a write, or if the person requests it.
 * @param {string | null} endpoint @param {Record<string, string>} [query] @param {{ isCostly?: boolean }} [options]
 * @returns {Reading<any>} */
export function useReading(endpoint, query = {}, { isCostly = false } = {}) {
  const [, redraw] = useState(0);
  const mayRead = useContext(MayRead);
  const path = endpoint && mayRead ? pathOf(endpoint, query) : null;
  useEffect(() => {
    if (!path || !endpoint) return;
    const source = sources.get(path) ?? new Source(endpoint, query, isCostly);
    sources.set(path, source);
    const listener = () => redraw((count) => count + 1);
    source.listeners.add(listener);
    if (source.isDue()) source.load();
    listener();
    return () => {
      source.listeners.delete(listener);
    };
  }, [path]);
  return (path && sources.get(path)?.reading) || { at: 0, loading: path !== null };
}

/** An error with its advice, and a way on. @param {{ error: CallError, at?: number, isCostly?: boolean }} props */
export function Trouble({ error, at, isCostly }) {
  const zone = useContext(Zone);
  const isSignedOut = error.kind === "signed-out";
  return html`<div class="trouble" role="group" aria-label="Problem">
    <p><${Sign} tone="bad" /><bdi dir="auto">${error.message}</bdi></p>
    ${error.advice && html`<p><bdi dir="auto">${error.advice}</bdi></p>`}
    ${!isSignedOut && !isCostly && html`<p class="muted">The page tries again in ${Math.max(RELOAD_SECONDS, error.retryAfterSeconds)} seconds.</p>`}
    ${at && html`<p class="muted">What is shown is of ${absolute(at, zone)}.</p>`}
    ${error.correlationId && html`<p class="muted small">Correlation ID <code>${error.correlationId}</code></p>`}
    ${isSignedOut && html`<${SignIn} />`}
    <button type="button" class="small" onClick=${reload}>Try again</button>
  </div>`;
}

/** The way to the sign-in, in a new tab if the page may lose something. */
export function SignIn() {
  if (!mayLose()) return html`<p><button type="button" class="small" onClick=${signIn}>Sign in</button></p>`;
  return html`<p><${Outside} to=${new URL(SIGN_IN, location.href).href}>Sign in<//>. This page keeps what you entered.</p>`;
}

/** What the shape of this CIPP lacks, and where it is instead. @param {{ absent: NotInThisShape, children?: any }} props */
export function Absent({ absent, children }) {
  return html`<div class="absent">
    <p><${Sign} tone="info" /><bdi dir="auto">${absent.Reason}</bdi></p>
    <p><bdi dir="auto">${absent.Instead.replace(/\bListBackend\b/, "The overview")}</bdi></p>
    <p class="links">${/\bListBackend\b/.test(absent.Instead) && html`<a href=${addressOf()}>Open the overview</a>`}${children}</p>
  </div>`;
}

/** A part of the page that shows one read. Its error does not empty the other parts. `instead` is a link to where it is
 * in a shape of CIPP that lacks it.
 * @template T
 * @param {{ reading: Reading<T>, what: string, children: (value: T) => any, instead?: any }} props */
export function Part({ reading, what, children, instead }) {
  const [broken, reset] = useErrorBoundary();
  if (broken) {
    return html`<div class="trouble"><p><${Sign} tone="bad" />Couldn't show ${what}. This is a bug in the console.</p>
      <button type="button" class="small" onClick=${reset}>Try again</button></div>`;
  }
  const { value, absent, error, at, isCostly } = reading;
  if (value === undefined) {
    return error ? html`<${Trouble} error=${error} isCostly=${isCostly} />` : html`<${Loading} what=${what} />`;
  }
  const isHere = error && error.kind !== "signed-out"; // the frame shows that once for all parts
  return html`${isHere && html`<${Trouble} error=${error} at=${at} isCostly=${isCostly} />`}
    ${absent ? html`<${Absent} absent=${absent}>${instead}<//>` : html`<${Drawn} value=${value} draw=${children} />`}`;
}

/** A component of its own, so that an error in it reaches the boundary of its part.
 * @param {{ value: any, draw: (value: any) => any }} props */
function Drawn({ value, draw }) {
  return draw(value);
}

/** @param {{ what: string }} props */
function Loading({ what }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 5000);
    return () => clearTimeout(timer);
  }, []);
  return html`<div class="loading" aria-busy="true"><p class="muted">Loading ${what} ...</p>
    ${late && html`<p class="muted">Azure takes longer than usual.</p>`}</div>`;
}
