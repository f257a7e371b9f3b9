/** The sign-in of a person for a refresh token that no rotation can repair: by device code, or with a pasted address.
 * No token reaches the browser. What the API returns for the next call is sealed, and is kept in this dialog alone. */

import { html, render, useEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { dryRun, write } from "../api.js";
import { useAllowance } from "./allowance.js";
import { Outcome } from "./outcome.js";
import { reloadAfterWrite } from "./reading.js";
import { CONTROL, Copyable, Outside, Sentence, When, announce } from "./text.js";
import { Failure, Plan, focusAgain } from "./write.js";

/** @typedef {import("../api.js").CallError} CallError */
/** @typedef {import("./responses.js").SignInStart} Started */
/** @typedef {"checking" | "ready" | "starting" | "waiting" | "finishing" | "done" | "failed"} Step */

const START = "ExecKeySignInStart";
const FINISH = "ExecKeySignInFinish";
const KINDS = ["RefreshToken", "TenantRefreshToken"];

/** Whether the caller may sign in again for a key. @param {import("./responses.js").Me} me */
export function useSignInAgain(me) {
  return useAllowance(me, CONTROL, "rotation");
}

/** Return whether a person can sign in for a kind of key. @param {string} kind */
export function isToken(kind) {
  return KINDS.includes(kind);
}

/** @param {{ name: string, title: string, allowance: import("./allowance.js").Allowance }} props */
export function SignInAgainButton({ name, title, allowance }) {
  return html`<button type="button" disabled=${!allowance.may} title=${allowance.why}
    onClick=${() => open(name, title)}>Sign in again</button>`;
}

/** Open the dialog. @param {string} name @param {string} title */
function open(name, title) {
  if (document.querySelector("dialog[open]")) return;
  const opener = document.activeElement;
  const root = document.body.appendChild(document.createElement("div"));
  const close = () => {
    render(null, root);
    root.remove();
    focusAgain(opener);
  };
  render(html`<${Dialog} name=${name} title=${title} close=${close} />`, root);
  root.querySelector("dialog")?.showModal(); // now, so that a second press finds it open
}

/** @param {{ name: string, title: string, close: () => void }} props */
function Dialog({ name, title, close }) {
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  const isClosed = useRef(false);
  const busy = useRef(false);
  const [method, setMethod] = useState(/** @type {"device" | "code"} */ ("device"));
  const [isForced, setForced] = useState(false);
  const [step, setStep] = useState(/** @type {Step} */ ("checking"));
  const [round, setRound] = useState(0);
  /** @type {[string[], (lines: string[]) => void]} */
  const [plan, setPlan] = useState(/** @type {string[]} */ ([]));
  const [begun, setBegun] = useState(/** @type {Started | null} */ (null));
  const [waits, setWaits] = useState("");
  const [pasted, setPasted] = useState("");
  const [result, setResult] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {CallError | null} */ (null));
  const [correlationId, setCorrelationId] = useState("");

  const show = (/** @type {Step} */ next) => {
    setStep(next);
    heading.current?.focus(); // what had the focus may be gone
  };
  const fail = (/** @type {CallError} */ failure) => {
    busy.current = false;
    if (isClosed.current) return;
    setError(failure);
    setCorrelationId(failure.correlationId);
    show("failed");
    announce("It failed. Read the message.");
  };

  useEffect(() => {
    let isCurrent = true;
    show("checking");
    dryRun(START, { Name: name, Method: method }).then(
      ({ results }) => {
        if (!isCurrent) return;
        setPlan(results.WouldDo);
        show("ready");
        announce("The check is complete. Read what would happen, then start.");
      },
      (failure) => isCurrent && fail(failure),
    );
    return () => {
      isCurrent = false;
    };
  }, [method, round]);

  const start = async () => {
    if (busy.current) return; // a second press, before the button is drawn as disabled
    busy.current = true;
    show("starting");
    try {
      const { results } = await write(START, { Name: name, Method: method, DryRun: false });
      busy.current = false;
      if (isClosed.current) return;
      setBegun(results);
      setWaits("");
      setPasted("");
      show("waiting");
      announce(method === "device" ? "Enter the code on the sign-in page." : "Open the sign-in page.");
    } catch (failure) {
      fail(/** @type {CallError} */ (failure));
    }
  };

  /** Check once whether the person has signed in. Return the seconds until the next check.
   * @param {Record<string, string>} [more] @returns {Promise<number>} */
  const check = async (more = {}) => {
    try {
      const response = await write(FINISH, { State: begun?.State, ...more, ...(isForced ? { Force: true } : {}), DryRun: false });
      if (response.results.Progress === "stored") reloadAfterWrite();
      if (isClosed.current) return 0;
      setCorrelationId(response.correlationId);
      if (response.results.Progress === "stored") {
        setResult(response.results);
        show("done");
        announce("The new token is stored.");
      } else {
        setWaits(response.results.WaitsFor ?? "");
        return response.results.IntervalSeconds ?? 0;
      }
    } catch (failure) {
      fail(/** @type {CallError} */ (failure));
      reloadAfterWrite(); // it may be stored although the response is lost
    }
    return 0;
  };

  const finish = async () => {
    if (busy.current || !pasted.trim()) return;
    busy.current = true;
    show("finishing");
    const seconds = await check({ Pasted: pasted.trim() });
    busy.current = false;
    if (seconds) show("waiting");
  };

  useEffect(() => {
    if (step !== "waiting" || begun?.Method !== "device") return undefined;
    return whileVisible(begun.IntervalSeconds ?? 5, check);
  }, [step, begun]);

  const again = () => {
    setError(null);
    setBegun(null);
    setPasted("");
    setRound(round + 1);
  };
  const leave = () => {
    isClosed.current = true;
    close();
  };
  const mayRetry = begun && error && ["offline", "failed", "signed-out"].includes(error.kind);
  const offersForce = isForced || /\bForce\b/.test(`${error?.message} ${error?.advice}`);
  const isBusy = step === "checking" || step === "starting" || step === "finishing";

  return html`<dialog class="write" aria-labelledby="sign-in-title" onCancel=${(/** @type {Event} */ event) => {
    event.preventDefault();
    leave();
  }}>
    <p class="announcer hidden" role="status"></p>
    <h2 id="sign-in-title" tabindex="-1" ref=${heading}><bdi dir="auto">Sign in again: ${title}</bdi></h2>
    <div class="write-body" aria-busy=${isBusy}>
      ${(step === "checking" || step === "ready") && html`<${Methods} method=${method} setMethod=${setMethod} />`}
      ${step === "checking" && html`<p class="muted working">Checking what this would do. Nothing is changed yet.</p>`}
      ${step === "ready" && html`<${Plan} would=${plan} isRefused=${false} />`}
      ${step === "starting" && html`<p class="working">Starting the sign-in.</p>`}
      ${(step === "waiting" || step === "finishing") && begun &&
      html`<${Steps} begun=${begun} waits=${waits} pasted=${pasted} setPasted=${setPasted} isBusy=${step === "finishing"} />`}
      ${step === "done" && html`<${Outcome} value=${result} endpoint=${FINISH} />`}
      ${step === "failed" && error && html`<${Failure} error=${error} wasSent=${!!begun} />`}
      ${step === "failed" && offersForce && html`<label class="choice"><input type="checkbox" checked=${isForced}
        onChange=${(/** @type {any} */ event) => setForced(event.target.checked)} />
        <span>Allow another account at the next sign-in (Force)</span></label>`}
      ${correlationId && (step === "done" || step === "failed") &&
      html`<p class="muted small">Correlation ID <code>${correlationId}</code></p>`}
    </div>
    <div class="actions">
      <button type="button" class="quiet" onClick=${leave}>${step === "done" || step === "failed" ? "Close" : "Cancel"}</button>
      ${(step === "checking" || step === "ready" || step === "starting") &&
      html`<button type="button" class="primary" disabled=${step !== "ready"} onClick=${start}>Start</button>`}
      ${(step === "waiting" || step === "finishing") && begun?.Method === "code" &&
      html`<button type="button" class="primary" disabled=${step === "finishing" || !pasted.trim()} onClick=${finish}>Store the new token</button>`}
      ${step === "failed" && mayRetry && html`<button type="button" onClick=${() => show("waiting")}>Check again</button>`}
      ${step === "failed" && html`<button type="button" class="primary" onClick=${again}>Start again</button>`}
    </div>
  </dialog>`;
}

/** Call a check repeatedly while the page is visible, first after `seconds`, and then after the seconds that it returns.
 * Return a function that ends this. @param {number} seconds @param {() => Promise<number>} check */
function whileVisible(seconds, check) {
  let timer = 0;
  let isCurrent = true;
  let isChecking = false;
  let due = Date.now() + seconds * 1000;
  const look = async () => {
    clearTimeout(timer);
    if (!isCurrent || isChecking || document.visibilityState === "hidden") return;
    const wait = due - Date.now();
    if (wait > 0) {
      timer = setTimeout(look, wait);
      return;
    }
    isChecking = true;
    due = Date.now() + ((await check()) || seconds) * 1000;
    isChecking = false;
    look();
  };
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    isCurrent = false;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", look);
  };
}

/** @param {{ method: string, setMethod: (method: "device" | "code") => void }} props */
function Methods({ method, setMethod }) {
  const choice = (/** @type {"device" | "code"} */ value, /** @type {string} */ label) => html`<label class="choice">
    <input type="radio" name="sign-in-method" checked=${method === value} onChange=${() => setMethod(value)} />
    <span>${label}</span></label>`;
  return html`<fieldset class="choices"><legend class="hidden">How to sign in</legend>
    ${choice("device", "With a code")}
    ${choice("code", "In the browser, if the tenant blocks codes")}
  </fieldset>`;
}

/** What the person does now.
 * @param {{ begun: Started, waits: string, pasted: string, setPasted: (text: string) => void, isBusy: boolean }} props */
function Steps({ begun, waits, pasted, setPasted, isBusy }) {
  const isDevice = begun.Method === "device";
  return html`<ol class="plan">
      <li>Open <${Outside} to=${begun.Address}>${isDevice ? begun.Address : "the sign-in page"}<//>.</li>
      ${isDevice && html`<li>Enter this code: <${Copyable} text=${begun.UserCode ?? ""} what="the code" /></li>`}
      <li>Sign in with ${begun.Account ? html`<strong dir="auto">${begun.Account}</strong>` : "CIPP's service account"} and MFA.</li>
      ${!isDevice && html`<li>An empty page follows. Paste its whole address here:</li>`}
    </ol>
    ${!isDevice && html`<label class="field"><span>Address of the empty page</span>
      <input type="text" dir="ltr" autocomplete="off" autocapitalize="none" spellcheck=${false} disabled=${isBusy} value=${pasted}
        onInput=${(/** @type {any} */ event) => setPasted(event.target.value)} /></label>`}
    <p class=${isDevice || isBusy ? "working" : "muted"} role="status">${isBusy
      ? "Verifying and storing the new token."
      : html`<${Sentence} text=${waits || (isDevice ? "Waiting for the sign-in." : "Nothing is stored yet.")} />`}</p>
    <p class="muted small">The sign-in expires <${When} at=${begun.Expires} />.</p>`;
}
