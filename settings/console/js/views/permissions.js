/** The permissions of this app in Azure: what is missing for each feature, and the commands that grant it. */

import { html } from "../../vendor/preact-htm.js";
import { Part, useReading } from "../parts/reading.js";
import { Badge, Copyable, Heading, Long, Name, Sentence, Sign } from "../parts/text.js";

/** @typedef {import("../parts/responses.js").Right} Right */
/** @typedef {import("../parts/responses.js").Rights} RightsValue */

export function PermissionsView() {
  const reading = useReading("ListBackendRights");
  return html`<${Heading} title="Permissions" />
    <${Part} reading=${reading} what="the permissions">
      ${(/** @type {RightsValue} */ value) => html`
        <p class="lead"><${Sign} tone=${value.Missing ? "warn" : "ok"} />${value.Missing
          ? `${value.Missing} of ${value.Rights.length} permissions are missing.`
          : value.Rights.every((right) => right.Has) ? "This app has every permission that it needs." : "No permission is known to be missing."}</p>
        ${value.Commands.length > 0 && html`<section aria-labelledby="commands"><h2 id="commands">Grant what is missing</h2>
          <p class="muted">An Owner of the subscription runs this in Azure Cloud Shell (Bash).</p>
          <${Copyable} text=${value.Commands.join("\n")} what="the commands" /></section>`}
        <section aria-labelledby="features"><h2 id="features">By feature</h2>
          ${[...byFeature(value.Rights)].map(([feature, rights]) => html`<${Feature} key=${feature} name=${feature} rights=${rights} />`)}
        </section>`}
    <//>`;
}

/** @param {Right[]} rights @returns {Map<string, Right[]>} */
function byFeature(rights) {
  const features = new Map();
  for (const right of rights) features.set(right.Feature, [...(features.get(right.Feature) ?? []), right]);
  return features;
}

/** Return how a right is shown. @param {Right} right @returns {{ tone: import("../parts/text.js").Tone, word: string }} */
function shown(right) {
  if (right.Has === null) return { tone: "idle", word: "Not known" };
  return right.Has ? { tone: "ok", word: "Granted" } : { tone: "bad", word: "Missing" };
}

/** @param {{ name: string, rights: Right[] }} props */
function Feature({ name, rights }) {
  const missing = rights.filter((right) => right.Has === false).length;
  const unknown = rights.filter((right) => right.Has === null).length;
  const problems = [...new Set(rights.flatMap((right) => (!right.Has && right.Problem ? [right.Problem] : [])))]; // many share one
  return html`<details class="card wide" open=${missing > 0}>
    <summary><span><${Name}>${name}<//></span><${Badge} tone=${missing ? "bad" : unknown ? "idle" : "ok"}>${missing
      ? `${missing} missing` : unknown ? `${unknown} not known` : `${rights.length} granted`}<//></summary>
    <ul class="plain">${rights.map((right) => {
      const { tone, word } = shown(right);
      return html`<li key=${`${right.Kind} ${right.Action} ${right.Scope}`}><p class="line"><${Badge} tone=${tone}>${word}<//> <code><${Name}>${right.Action}<//></code></p>
        <p class="muted small">on <${Name}>${right.Scope}<//></p>
        ${right.Problem && right.Has && html`<p class="card-problem"><${Sentence} text=${right.Problem} /></p>`}</li>`;
    })}</ul>
    ${problems.length > 0 && html`<div class="why">${problems.map((problem) => html`<${Long} key=${problem} text=${problem} />`)}</div>`}</details>`;
}
