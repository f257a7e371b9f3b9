/** The sign-in of users to CIPP: for which causes it fails, the cure of each, and the repair. */

import { html } from "../../vendor/preact-htm.js";
import { WhyNot, useAllowance } from "../parts/allowance.js";
import { Part, useReading } from "../parts/reading.js";
import { Badge, CONTROL, Heading, Sentence, Sign, When } from "../parts/text.js";
import { confirmWrite } from "../parts/write.js";

/** @typedef {import("../parts/responses.js").SignInState} SignInState */
/** @typedef {import("../parts/responses.js").SignInCause} SignInCause */
/** @typedef {import("../parts/text.js").Tone} Tone */

/** What a person reads of a cause. @type {Record<string, string>} */
const TITLES = {
  SignInOff: "Sign-in is off",
  SettingsDamaged: "The settings are damaged",
  AppDeleted: "The app is deleted",
  SecretEnded: "The secret expired or is wrong",
  ReferenceNotResolved: "App Service can't read the secret",
  CallbackMissing: "A callback is missing",
  NoSuperadmin: "There is no superadmin",
  IpRule: "An address is not allowed",
  SecretLost: "Enter without a secret",
};

/** How it is shown whether a cause is present. @type {Record<string, { tone: Tone, word: string }>} */
const PRESENT = { yes: { tone: "bad", word: "Present" }, no: { tone: "ok", word: "No" }, unknown: { tone: "warn", word: "Unknown" } };

/** @param {import("./frame.js").ViewProps} props */
export function SignInView({ me, keys }) {
  const reading = useReading("ListBackendSignIn");
  const allowance = useAllowance(me, CONTROL, "controls");
  const until = keys.value?.SignInWorksUntil;
  return html`<${Heading} title="Sign-in" />
    <${Part} reading=${reading} what="the sign-in">
      ${(/** @type {SignInState} */ state) => html`
        <${Verdict} works=${state.Works} />
        ${until && html`<p class="muted">The secret of the sign-in expires <${When} at=${until} />.</p>`}
        <ul class="cards two">${state.Causes.map((cause) => html`<${Cause} key=${cause.Cause} cause=${cause} canWrite=${allowance.may} />`)}</ul>
        <${WhyNot} allowance=${allowance} />`}
    <//>`;
}

/** @param {{ works: boolean | null }} props */
function Verdict({ works }) {
  if (works) return html`<p><${Sign} tone="ok" />No cause was found that keeps all users out of CIPP.</p>`;
  if (works === null) return html`<p><${Sign} tone="warn" />It is unknown whether users can sign in to CIPP.</p>`;
  return html`<p><${Sign} tone="bad" />Users can't sign in to CIPP.</p>`;
}

/** @param {{ cause: SignInCause, canWrite: boolean }} props */
function Cause({ cause, canWrite }) {
  const { tone, word } = PRESENT[cause.Present] ?? { tone: /** @type {Tone} */ ("info"), word: cause.Present };
  const title = TITLES[cause.Cause] ?? cause.Cause;
  const repair = () =>
    confirmWrite({
      title: `Repair: ${title}`,
      verb: "Repair",
      endpoint: "ExecBackendSignInRepair",
      body: { Causes: [cause.Cause] },
      canForce: cause.NeedsForce,
      isDanger: cause.NeedsForce,
      isLong: true,
      intro: html`<p><${Sign} tone="warn" />A repair may restart CIPP, and so update it.</p>`,
    });
  const isOffered = cause.Repairable && cause.Present !== "no";
  return html`<li class="card">
    <div class="card-head"><p class="kind">${cause.Cause}</p><${Badge} tone=${tone}>${word}<//></div>
    <h2>${title}</h2>
    <p><${Sentence} text=${cause.Sign} /></p>
    ${cause.Present !== "no" && html`<p class="advice"><${Sentence} text=${cause.Cure} /></p>`}
    ${isOffered && html`<div class="card-foot"><button type="button" class="small" disabled=${!canWrite}
      aria-label=${`Repair: ${title}`} onClick=${repair}>Repair</button></div>`}
  </li>`;
}
