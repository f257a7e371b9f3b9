/** A write operation: its dry run, the person's confirmation, the write, and its result. One dialog at a time. */

import { html, render, useEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { dryRun, write as send } from "../api.js";
import { Outcome } from "./outcome.js";
import { SignIn, reloadAfterWrite } from "./reading.js";
import { Name, Sentence, Sign, announce } from "./text.js";

/** @typedef {import("../api.js").CallError} CallError */

/** What to write. `typed` is a name that the person must type. `isLong` allows to close the dialog during the write.
 * `titles` are the names to show of keys. `canForce` is whether the caller may set Force. `forceNothing` offers it also if there is nothing to do.
 * @typedef {{
 *   title: string, verb: string, endpoint: string, body: Record<string, any>,
 *   typed?: string, isDanger?: boolean, isLong?: boolean, canForce?: boolean, forceNothing?: string, intro?: any, titles?: Map<string, string>,
 * }} Request */

/** @typedef {"checking" | "ready" | "writing" | "done" | "failed"} Step */

const UPDATE = /Update: "([^"]+)"/;
/** A plan that is older is checked again before the write: what is due, or which apps there are, may have changed. */
const PLAN_MILLISECONDS = 60_000;
const REFUSED = /^(?:.{0,80}: )?Refuse: /;

/** Open the dialog of a write. Return whether it was written, after the dialog is closed.
 * @param {Request} request @returns {Promise<boolean>} */
export function confirmWrite(request) {
  if (document.querySelector("dialog[open]")) return Promise.resolve(false);
  const opener = document.activeElement;
  const root = document.body.appendChild(document.createElement("div"));
  return new Promise((resolve) => {
    const close = (/** @type {boolean} */ isWritten) => {
      render(null, root);
      root.remove();
      focusAgain(opener);
      resolve(isWritten);
    };
    render(html`<${Dialog} request=${request} opener=${opener} close=${close} />`, root);
    root.querySelector("dialog")?.showModal(); // now, so that a second press finds it open
  });
}

/** Move the focus back to where it was, or to the heading if that is gone. @param {Element | null} opener */
export function focusAgain(opener) {
  const isThere = opener instanceof HTMLElement && opener.isConnected && !opener.matches(":disabled");
  const target = isThere ? opener : document.querySelector("main h1");
  if (target instanceof HTMLElement) target.focus();
}

/** @param {{ request: Request, opener: Element | null, close: (isWritten: boolean) => void }} props */
function Dialog({ request, opener, close }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  const busy = useRef(false);
  const isClosed = useRef(false);
  const planned = useRef(0);
  const [isChanged, setChanged] = useState(false);
  const [step, setStep] = useState(/** @type {Step} */ ("checking"));
  const [consent, setConsent] = useState(/** @type {Record<string, any>} */ ({}));
  const [result, setResult] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {CallError | null} */ (null));
  const [correlationId, setCorrelationId] = useState("");
  const [typed, setTyped] = useState("");

  const show = () => {
    if (!dialog.current?.open) dialog.current?.showModal();
    heading.current?.focus();
  };
  useEffect(show, []);

  useEffect(() => {
    let isCurrent = true;
    setStep("checking");
    heading.current?.focus(); // the box that was ticked is gone during the check
    dryRun(request.endpoint, { ...request.body, ...consent }).then(
      (response) => {
        if (!isCurrent) return;
        planned.current = Date.now();
        setChanged(false);
        setResult(resultOf(response));
        setStep("ready");
        announce("The check is complete. Read what would happen, then confirm.");
      },
      (failure) => isCurrent && fail(failure),
    );
    return () => {
      isCurrent = false;
    };
  }, [consent]);

  /** @param {CallError} failure */
  const fail = (failure) => {
    setError(failure);
    setCorrelationId(failure.correlationId);
    setStep("failed");
    announce("It failed. Read the message.");
  };

  /** Check again, and show the new plan if it is another one. Return whether the plan is the same. */
  const isSamePlan = async () => {
    setStep("checking");
    try {
      const now = resultOf(await dryRun(request.endpoint, { ...request.body, ...consent }));
      if (isClosed.current) return false;
      planned.current = Date.now();
      if (JSON.stringify(now?.WouldDo) === JSON.stringify(would)) return true;
      setResult(now);
      setTyped("");
      setChanged(true);
      setStep("ready");
      announce("What would happen has changed. Read it, then confirm.");
    } catch (failure) {
      busy.current = false; // nothing was sent
      if (!isClosed.current) fail(/** @type {CallError} */ (failure));
    }
    return false;
  };

  const write = async () => {
    if (busy.current) return; // a second press, before the button is drawn as disabled
    busy.current = true;
    heading.current?.focus();
    if (Date.now() - planned.current > PLAN_MILLISECONDS && !(await isSamePlan())) {
      busy.current = false;
      return;
    }
    setStep("writing");
    try {
      const response = await send(request.endpoint, { ...request.body, ...consent, DryRun: false });
      setResult(resultOf(response));
      setCorrelationId(response.correlationId);
      show(); // it may have been closed meanwhile
      setStep("done");
      announce(`${request.title}: done.`);
    } catch (failure) {
      show();
      fail(/** @type {CallError} */ (failure));
    }
    reloadAfterWrite();
  };

  /** @type {string[]} */
  const would = result?.WouldDo ?? [];
  const isRefused = step === "ready" && would.some((line) => REFUSED.test(line));
  const isNothing = step === "ready" && would.length === 0;
  const update = step === "ready" ? would.map((line) => UPDATE.exec(line)?.[1]).find(Boolean) : undefined;
  const isWritten = step === "done"; // if it failed, what the person entered stays
  const mayClose = step !== "writing" || request.isLong;
  const leave = () => {
    if (step === "writing" && mayClose) {
      dialog.current?.close();
      focusAgain(opener);
    } else if (mayClose) {
      isClosed.current = true;
      close(isWritten);
    }
  };
  const needsTyping = request.typed !== undefined && typed.trim() !== request.typed.trim();

  return html`<dialog
    ref=${dialog}
    class="write"
    aria-labelledby="write-title"
    onCancel=${(/** @type {Event} */ event) => {
      event.preventDefault();
      leave();
    }}
  >
    <p class="announcer hidden" role="status"></p>
    <h2 id="write-title" tabindex="-1" ref=${heading}><bdi dir="auto">${request.title}</bdi></h2>
    <div class="write-body" aria-busy=${step === "checking" || step === "writing"}>
      ${request.intro}
      ${step === "checking" && html`<p class="muted working">Checking what this would do. Nothing is changed yet.</p>`}
      ${step === "ready" && isChanged && html`<p><${Sign} tone="warn" />This has changed since you opened the dialog. Read it again.</p>`}
      ${step === "ready" && html`<${Plan} would=${would} isRefused=${isRefused} titles=${request.titles} />`}
      ${step === "ready" && html`<${Warnings} lines=${result?.Warnings} />`}
      ${step === "ready" && html`<${Consents} ...${{ request, isRefused, would, update, consent, setConsent }} />`}
      ${step === "ready" && !isRefused && !isNothing && request.typed !== undefined &&
      html`<${Typed} name=${request.typed} typed=${typed} setTyped=${setTyped} />`}
      ${step === "writing" && html`<p class="working">Working. This can take some minutes.
        ${request.isLong && " You can close this window. It opens again with the result."}</p>`}
      ${step === "done" && html`<${Outcome} value=${result} endpoint=${request.endpoint} titles=${request.titles} />`}
      ${step === "failed" && error && html`<${Failure} error=${error} wasSent=${busy.current} />`}
      ${correlationId && (step === "done" || step === "failed") &&
      html`<p class="muted small">Correlation ID <code>${correlationId}</code></p>`}
    </div>
    <div class="actions">
      <button type="button" class="quiet" disabled=${!mayClose} onClick=${leave}>
        ${step === "done" || step === "failed" || isRefused || isNothing || step === "writing" ? "Close" : "Cancel"}
      </button>
      ${step !== "done" && step !== "failed" && !isRefused && !isNothing &&
      html`<button
        type="button"
        class=${request.isDanger ? "danger" : "primary"}
        disabled=${step !== "ready" || needsTyping}
        onClick=${write}
      >${request.verb}</button>`}
    </div>
  </dialog>`;
}

/** The result of a call. That of some is not in `Results`, which is a sentence then.
 * @param {Awaited<ReturnType<typeof send>>} response */
function resultOf({ results, whole }) {
  return typeof results === "string" ? whole : results;
}

/** What the write would do. @param {{ would: string[], isRefused: boolean, titles?: Map<string, string> }} props */
export function Plan({ would, isRefused, titles }) {
  if (!would.length) return html`<p><${Sign} tone="info" />There is nothing to do.</p>`;
  return html`<p class="lead">${isRefused ? "This is not possible now:" : "This will happen:"}</p>
    <ul class="plan" tabindex="0" aria-label="What will happen">
      ${would.map((line) => html`<li key=${line}><${Line} text=${line.replace(/^Refuse: /, "")} titles=${titles} /></li>`)}
    </ul>`;
}

/** A line of the plan. A key that it begins with has its name to show. @param {{ text: string, titles?: Map<string, string> }} props */
function Line({ text, titles }) {
  const name = /^([\w-]+): /.exec(text)?.[1] ?? "";
  const title = titles?.get(name);
  if (!title) return html`<${Sentence} text=${text} />`;
  return html`<strong><${Name}>${title}<//></strong>: <${Sentence} text=${text.slice(name.length + 2)} />`;
}

/** @param {{ lines?: string[] }} props */
function Warnings({ lines }) {
  return html`${(lines ?? []).map((line) => html`<p><${Sign} tone="warn" /><${Sentence} text=${line} /></p>`)}`;
}

/** What the person may allow in addition: an update of the container, or Force.
 * @param {{ request: Request, isRefused: boolean, would: string[], update?: string, consent: Record<string, any>,
 *   setConsent: (consent: Record<string, any>) => void }} props */
function Consents({ request, isRefused, would, update, consent, setConsent }) {
  const isForceable = isRefused ? would.some((line) => /\bForce\b/.test(line)) : !would.length && request.forceNothing;
  const offersForce = consent.Force || (request.canForce && isForceable);
  const offersUpdate = consent.Update ?? update;
  return html`${offersUpdate && html`<label class="choice"><input type="checkbox" checked=${!!consent.Update}
      onChange=${(/** @type {any} */ event) => setConsent({ ...consent, Update: event.target.checked ? offersUpdate : undefined })} />
      <span>Allow the update of CIPP to <${Name}>${offersUpdate}<//></span></label>`}
    ${offersForce && html`<label class="choice"><input type="checkbox" checked=${!!consent.Force}
      onChange=${(/** @type {any} */ event) => setConsent({ ...consent, Force: event.target.checked || undefined })} />
      <span>${request.forceNothing ?? "Do it although it is refused (Force)"}</span></label>`}`;
}

/** @param {{ name: string, typed: string, setTyped: (text: string) => void }} props */
function Typed({ name, typed, setTyped }) {
  return html`<label class="field">
    <span>To confirm, type <strong><${Name}>${name}<//></strong></span>
    <input type="text" dir="auto" autocomplete="off" autocapitalize="none" spellcheck=${false} value=${typed}
      onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} />
  </label>`;
}

/** @param {{ error: CallError, wasSent: boolean }} props */
export function Failure({ error, wasSent }) {
  const isUncertain = wasSent && (error.kind === "offline" || error.kind === "failed");
  return html`<div role="alert">
    <p><${Sign} tone="bad" /><bdi dir="auto">${error.message}</bdi></p>
    ${error.advice && html`<p><bdi dir="auto">${error.advice}</bdi></p>`}
    ${error.kind === "signed-out" && html`<${SignIn} />`}
    ${isUncertain && html`<p>The change may still have happened. Look at the page before you try again.</p>`}
    ${!wasSent && html`<p class="muted">Nothing was changed.</p>`}
  </div>`;
}
