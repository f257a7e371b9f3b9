/** The calls of this app's API. Their permissions are those of the person who signed in. */

const ADDRESS = "/api/";
export const SIGN_IN = "/.auth/login/aad?post_login_redirect_uri=/api/console/";
const PLACE = "cipp-backend-place";
const SIGNED_IN = "cipp-backend-signed-in";
/** Time after which a second redirect to the sign-in is no loop. */
const LOOP_MILLISECONDS = 60_000;
/** Time after which a call has failed. Azure ends a call of HTTP after 230 s. */
const LONGEST_MILLISECONDS = 240_000;

/** @typedef {"offline" | "signed-out" | "denied" | "refused" | "failed"} Kind */

/** Why a call failed. The message and the advice may be shown. */
export class CallError extends Error {
  /**
   * @param {Kind} kind
   * @param {string} message
   * @param {object} [more]
   * @param {string} [more.advice] what to do next
   * @param {string} [more.correlationId] the call's ID in the log of this app
   * @param {number} [more.status]
   * @param {number} [more.retryAfterSeconds]
   * @param {string} [more.permission] the permission that the account lacks
   */
  constructor(kind, message, more = {}) {
    super(message);
    this.kind = kind;
    this.advice = more.advice ?? "";
    this.correlationId = more.correlationId ?? "";
    this.status = more.status ?? 0;
    this.retryAfterSeconds = more.retryAfterSeconds ?? 0;
    this.permission = more.permission ?? "";
  }
}

/**
 * A successful response.
 *
 * @typedef {object} ApiResponse
 * @property {any} results the results, or the whole response if it has none
 * @property {any} whole the whole response
 * @property {string} correlationId the call's ID in the log of this app
 * @property {number} at when it arrived, in milliseconds
 * @property {number} sent when it was sent by the clock of the app, in milliseconds, NaN if it is not known
 */

/**
 * Writes that have no response yet, by endpoint and body.
 *
 * @type {Map<string, Promise<ApiResponse>>}
 */
const pending = new Map();

/** Whether any call succeeded. */
let hasLoaded = false;

/** Return whether the page may have something that a redirect would lose: edits, an invitation, a running write. */
export function mayLose() {
  return hasLoaded;
}

/**
 * Read from an endpoint.
 *
 * @param {string} endpoint such as `ListBackend`
 * @param {Record<string, string>} [query]
 */
export function read(endpoint, query = {}) {
  const parameters = new URLSearchParams(query).toString();
  return call(parameters ? `${endpoint}?${parameters}` : endpoint, { method: "GET" });
}

/**
 * Write to an endpoint. The same write, while it has no response, is not sent again: both callers get its response.
 *
 * @param {string} endpoint such as `ExecFunctionAppStop`
 * @param {object} body
 * @returns {Promise<ApiResponse>}
 */
export function write(endpoint, body) {
  const text = JSON.stringify(body);
  const key = `${endpoint} ${text}`;
  const running = pending.get(key);
  if (running) {
    return running;
  }
  const headers = { "Content-Type": "application/json" };
  const response = call(endpoint, { method: "POST", body: text, headers }).finally(() => pending.delete(key));
  pending.set(key, response);
  return response;
}

/**
 * Read what a write would do. Nothing is changed.
 *
 * @param {string} endpoint
 * @param {object} body
 */
export function dryRun(endpoint, body) {
  return write(endpoint, { ...body, DryRun: true });
}

/** Go to the sign-in, and come back to this place. */
export function signIn() {
  sessionStorage.setItem(PLACE, location.hash);
  sessionStorage.setItem(SIGNED_IN, String(Date.now()));
  location.assign(SIGN_IN);
}

/** After a sign-in, go back to the place that was open before. */
export function restorePlace() {
  const fragment = sessionStorage.getItem(PLACE);
  sessionStorage.removeItem(PLACE);
  // With a fragment, the page was opened by a link. A sign-in that was canceled has left the place.
  if (fragment && !location.hash) {
    history.replaceState(null, "", fragment);
    dispatchEvent(new HashChangeEvent("hashchange"));
  }
}

/**
 * @param {string} address
 * @param {RequestInit} options
 * @returns {Promise<ApiResponse>}
 */
async function call(address, options) {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), LONGEST_MILLISECONDS);
  try {
    return await responseTo(address, { ...options, signal: timeout.signal });
  } catch (error) {
    if (!timeout.signal.aborted) throw error;
    throw new CallError("failed", "CIPP Backend did not respond within 4 minutes.", { advice: "Try again later." });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param {string} address
 * @param {RequestInit} options
 * @returns {Promise<ApiResponse>}
 */
async function responseTo(address, options) {
  let response;
  try {
    // A redirect is App Service's way to the sign-in of Microsoft Entra ID, which a script can't follow.
    const settings = /** @type {RequestInit} */ ({ credentials: "same-origin", cache: "no-store", redirect: "manual" });
    response = await fetch(ADDRESS + address, { ...options, ...settings });
  } catch {
    throw new CallError("offline", "Couldn't reach CIPP Backend.", {
      advice: "Check your network connection. If other sites work, CIPP Backend may be restarting.",
    });
  }
  const correlationId = response.headers.get("x-correlation-id") ?? "";
  const whole = await contentOf(response);
  if (response.ok && (typeof whole !== "object" || whole === null)) {
    throw new CallError("failed", "Couldn't read the response.", {
      advice: "It was cut, or did not come from CIPP Backend. If this lasts, check the proxy of your network and the app.",
      correlationId,
      status: response.status,
    });
  }
  if (response.ok) {
    hasLoaded = true;
    return { results: whole.Results ?? whole, whole, correlationId, at: Date.now(), sent: Date.parse(response.headers.get("date") ?? "") };
  }
  const status = response.type === "opaqueredirect" ? 401 : response.status;
  if (status === 401 && !hasLoaded) {
    askToSignIn();
  }
  throw problemOf(status, response.headers, whole, correlationId);
}

/** Go to the sign-in, unless that did not help a moment ago. If the page may lose something, it shows a link instead. */
function askToSignIn() {
  const last = Number(sessionStorage.getItem(SIGNED_IN) ?? 0);
  if (Date.now() - last > LOOP_MILLISECONDS) {
    signIn();
  }
}

/**
 * @param {Response} response
 * @returns {Promise<any>}
 */
async function contentOf(response) {
  try {
    return await response.json();
  } catch {
    return null; // it was cut, or is HTML: App Service has pages of its own if this app does not run
  }
}

/**
 * @param {number} status
 * @param {Headers} headers
 * @param {any} problem
 * @param {string} correlationId
 */
function problemOf(status, headers, problem, correlationId) {
  const more = {
    advice: textOf(problem?.advice),
    correlationId: textOf(problem?.correlationId) || correlationId,
    status,
    permission: textOf(problem?.permission),
    retryAfterSeconds: Number(problem?.retryAfterSeconds ?? headers.get("Retry-After") ?? 0) || 0,
  };
  const detail = textOf(problem?.detail) || textOf(problem?.Results);
  if (status === 401) {
    return new CallError("signed-out", detail || "You are not signed in.", {
      ...more,
      advice: more.advice || "Sign in with an account of your organization.",
    });
  }
  if (status === 403) {
    return new CallError("denied", detail || "Your account does not have the permission.", {
      ...more,
      advice: more.advice || "Ask an administrator of CIPP for a role.",
    });
  }
  const kind = status >= 500 ? "failed" : "refused";
  return new CallError(kind, detail || `CIPP Backend responded with ${status}.`, more);
}

/** @param {unknown} value */
function textOf(value) {
  return typeof value === "string" ? value : "";
}
