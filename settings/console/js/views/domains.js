/** The custom domains of CIPP in any shape: whether each works, the exact DNS records, and the steps that are left. */

import { html, useState } from "../../vendor/preact-htm.js";
import { WhyNot, useAllowance } from "../parts/allowance.js";
import { Records } from "../parts/outcome.js";
import { Part, useReading } from "../parts/reading.js";
import { Badge, CONTROL, Heading, Name, Outside, Sentence, Sign, When } from "../parts/text.js";
import { confirmWrite } from "../parts/write.js";
import { mainApp } from "./overview.js";

/** @typedef {import("../parts/responses.js").CippDomain} CippDomain */
/** @typedef {import("../parts/responses.js").CippDomains} CippDomains */
/** @typedef {import("../parts/text.js").Tone} Tone */

/** How each state of a domain is shown. @type {Record<string, { tone: Tone, word: string }>} */
const STATES = {
  Works: { tone: "ok", word: "Works" },
  NoDns: { tone: "bad", word: "No DNS record" },
  DnsElsewhere: { tone: "bad", word: "DNS leads elsewhere" },
  StrayTxt: { tone: "bad", word: "Wrong TXT record" },
  Conflict: { tone: "bad", word: "Another app has it" },
  NotBound: { tone: "warn", word: "Not added yet" },
  NoCertificate: { tone: "bad", word: "No certificate" },
  Issuing: { tone: "warn", word: "Certificate is being issued" },
  NotSecured: { tone: "warn", word: "Certificate not in use" },
  Expiring: { tone: "warn", word: "Certificate expires soon" },
  Expired: { tone: "bad", word: "Certificate expired" },
  NoCallback: { tone: "bad", word: "No sign-in" },
  Validating: { tone: "warn", word: "Validating" },
  Failed: { tone: "bad", word: "Failed" },
  Removing: { tone: "idle", word: "Removing" },
  Unknown: { tone: "warn", word: "Unknown" },
};

/** The next step of a domain: its button, and what it does. @type {Record<string, { verb: string, title: string }>} */
const STEPS = {
  ExecBackendDomainAdd: { verb: "Bind", title: "Bind the domain" },
  ExecBackendDomainSecure: { verb: "Secure", title: "Secure the domain" },
  ExecBackendDomainRepairSignIn: { verb: "Repair sign-in", title: "Repair the sign-in of" },
};
const REPAIR = "ExecBackendDomainRepairSignIn";

/** @param {import("./frame.js").ViewProps} props */
export function DomainsView({ me, overview }) {
  const reading = useReading("ListBackendDomains", {}, { isCostly: true });
  const allowance = useAllowance(me, CONTROL, "controls");
  const portal = mainApp(overview.value?.Cards ?? [])?.Link ?? null;
  return html`<${Heading} title="Domains" />
    <${Part} reading=${reading} what="the domains" instead=${html`<${Outside} to=${portal}>Open the web app in the portal<//>`}>
      ${(/** @type {CippDomains} */ { DefaultHost, DefaultCallback, Domains, Notes }) => html`
        ${Notes.map((note) => html`<p class="muted" key=${note}><${Sign} tone="info" size=${16} /><${Sentence} text=${note} /></p>`)}
        ${DefaultHost && html`<p class="muted">CIPP always opens at <${Outside} to=${`https://${DefaultHost}`}>${DefaultHost}<//>.</p>`}
        ${DefaultCallback === false && html`<${NoSignIn} host=${DefaultHost ?? ""} canWrite=${allowance.may} />`}
        ${Domains.length ? "" : html`<p class="muted">CIPP has no custom domain.</p>`}
        <ul class="cards two">${Domains.map((domain) => html`<${DomainCard} key=${domain.Name} domain=${domain} canWrite=${allowance.may} />`)}</ul>
        <${NewDomain} allowance=${allowance} />`}
    <//>`;
}

/** The sign-in of the app's own host name lacks its callback. @param {{ host: string, canWrite: boolean }} props */
function NoSignIn({ host, canWrite }) {
  const repair = () =>
    confirmWrite({ title: `Repair the sign-in of ${host}`, verb: "Repair", endpoint: REPAIR, body: { Domain: host } });
  return html`<p class="card-problem"><${Sign} tone="bad" />Sign-in does not work there (AADSTS50011).
    <button type="button" class="small" disabled=${!canWrite} onClick=${repair}>Repair the sign-in</button></p>`;
}

/** @param {{ domain: CippDomain, canWrite: boolean }} props */
function DomainCard({ domain, canWrite }) {
  const { tone, word } = STATES[domain.State] ?? { tone: "warn", word: domain.State };
  const step = domain.NextStep ? STEPS[domain.NextStep] : undefined;
  const next = () =>
    step &&
    confirmWrite({
      title: `${step.title} ${domain.Name}`,
      verb: step.verb,
      endpoint: domain.NextStep ?? "",
      body: { Domain: domain.Name },
      canForce: domain.NextStep !== REPAIR,
    });
  const remove = () =>
    confirmWrite({
      title: `Remove the domain ${domain.Name}`,
      verb: "Remove",
      endpoint: "ExecBackendDomainRemove",
      body: { Domain: domain.Name },
      typed: domain.Name,
      isDanger: true,
      canForce: true,
      intro: html`<p><${Sign} tone="warn" />CIPP no longer opens at this address.</p>`,
    });
  return html`<li class="card">
    <div class="card-head"><p class="kind">${domain.IsCippsOwn ? "Domain, CIPP's own address" : "Domain"}</p><${Badge} tone=${tone}>${word}<//></div>
    <h2><${Name}>${domain.Name}<//></h2>
    ${domain.Problems.map((text) => html`<p class="card-problem" key=${text}><${Sign} tone=${tone === "bad" ? "bad" : "warn"} size=${16} /><${Sentence} text=${text} /></p>`)}
    ${domain.Since && html`<p class="muted">${domain.State === "Works" ? "Since" : "Waiting since"} <${When} at=${domain.Since} />.</p>`}
    ${domain.Certificate?.Expires && html`<p class="muted">The certificate expires <${When} at=${domain.Certificate.Expires} />.</p>`}
    ${domain.State !== "Removing" && html`<${Records} records=${domain.Records} wrong=${domain.WrongRecords} />`}
    ${domain.Notes.map((text) => html`<p class="muted small" key=${text}><${Sentence} text=${text} /></p>`)}
    <div class="card-foot">
      ${step && html`<button type="button" class="small" disabled=${!canWrite} aria-label=${`${step.verb}: ${domain.Name}`} onClick=${next}>${step.verb}</button>`}
      <button type="button" class="small danger-quiet" disabled=${!canWrite} aria-label=${`Remove ${domain.Name}`} onClick=${remove}>Remove</button>
    </div>
  </li>`;
}

/** @param {{ allowance: import("../parts/allowance.js").Allowance }} props */
function NewDomain({ allowance }) {
  const canWrite = allowance.may;
  const [name, setName] = useState("");
  const [validation, setValidation] = useState("");
  const add = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const isWritten = await confirmWrite({
      title: `Add the domain ${name.trim()}`,
      verb: "Add",
      endpoint: "ExecBackendDomainAdd",
      body: { Domain: name.trim(), ...(validation && { Validation: validation }) },
      canForce: true,
    });
    if (isWritten) setName("");
  };
  return html`<form class="card wide" onSubmit=${add} aria-labelledby="new-domain"><h2 id="new-domain">Add a domain</h2>
    <div class="fields">
      <label class="field"><span>Domain</span><input type="text" required placeholder="cipp.example.com" value=${name} disabled=${!canWrite}
        autocomplete="off" autocapitalize="none" spellcheck=${false} onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
      <label class="field"><span>A static web app is checked by</span><select value=${validation} disabled=${!canWrite}
        onChange=${(/** @type {any} */ event) => setValidation(event.target.value)}>
        <option value="">what fits the domain</option><option value="cname">CNAME</option><option value="txt">TXT</option></select></label>
    </div>
    <button class="primary" disabled=${!canWrite}>Add</button>
    <${WhyNot} allowance=${allowance} />
  </form>`;
}
