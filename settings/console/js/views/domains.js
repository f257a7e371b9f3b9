/** The custom domains of CIPP: whether each works, and the exact DNS records that it needs. */

import { html, useState } from "../../vendor/preact-htm.js";
import { WhyNot, useAllowance } from "../parts/allowance.js";
import { Record } from "../parts/outcome.js";
import { Part, useReading } from "../parts/reading.js";
import { Badge, CONTROL, Heading, Name, Outside, Sentence, Sign, When } from "../parts/text.js";
import { confirmWrite } from "../parts/write.js";
import { mainApp } from "./overview.js";

/** @typedef {import("../parts/responses.js").Domain} Domain */
/** @typedef {import("../parts/text.js").Tone} Tone */

/** @param {import("./frame.js").ViewProps} props */
export function DomainsView({ me, overview }) {
  const reading = useReading("ListStaticWebAppDomains");
  const allowance = useAllowance(me, CONTROL, "controls");
  const portal = mainApp(overview.value?.Cards ?? [])?.Link ?? null;
  return html`<${Heading} title="Domains" />
    <${Part} reading=${reading} what="the domains" instead=${html`<${Outside} to=${portal}>Open the web app in the portal<//>`}>
      ${(/** @type {Domain[]} */ domains) => html`
        ${domains.length ? "" : html`<p class="muted">CIPP has no custom domain.</p>`}
        <ul class="cards two">${domains.map((domain) => html`<${DomainCard} key=${domain.Name} domain=${domain} canWrite=${allowance.may} />`)}</ul>
        <${NewDomain} allowance=${allowance} />`}
    <//>`;
}

/** Return the verdict on a domain. @param {Domain} domain @returns {{ tone: Tone, word: string }} */
function verdictOf(domain) {
  if (domain.Error || /fail/i.test(domain.State)) return { tone: "bad", word: domain.State };
  if (domain.State === "Ready") return { tone: "ok", word: "Works" };
  return { tone: "warn", word: domain.State };
}

/** @param {{ domain: Domain, canWrite: boolean }} props */
function DomainCard({ domain, canWrite }) {
  const { tone, word } = verdictOf(domain);
  const remove = () =>
    confirmWrite({
      title: `Remove the domain ${domain.Name}`,
      verb: "Remove",
      endpoint: "ExecStaticWebAppDomainRemove",
      body: { Domain: domain.Name },
      typed: domain.Name,
      isDanger: true,
      intro: html`<p><${Sign} tone="warn" />CIPP no longer opens at this address.</p>`,
    });
  return html`<li class="card">
    <div class="card-head"><p class="kind">Domain</p><${Badge} tone=${tone}>${word}<//></div>
    <h2><${Name}>${domain.Name}<//></h2>
    ${domain.Error && html`<p class="card-problem"><${Sign} tone="bad" size=${16} /><${Sentence} text=${domain.Error} /></p>`}
    ${domain.Since && html`<p class="muted">${word === "Works" ? "Since" : "Azure has been checking it since"} <${When} at=${domain.Since} />.</p>`}
    ${domain.DnsRecord && html`<${Record} record=${domain.DnsRecord} purpose="Create this record. Azure checks for it." />`}
    ${domain.RoutingRecord && html`<${Record} record=${domain.RoutingRecord} purpose="This record leads visitors to CIPP. Keep it." />`}
    <div class="card-foot"><button type="button" class="small danger-quiet" disabled=${!canWrite}
      aria-label=${`Remove ${domain.Name}`} onClick=${remove}>Remove</button></div>
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
      endpoint: "ExecStaticWebAppDomainAdd",
      body: { Domain: name.trim(), ...(validation && { Validation: validation }) },
      canForce: true,
    });
    if (isWritten) setName("");
  };
  return html`<form class="card wide" onSubmit=${add} aria-labelledby="new-domain"><h2 id="new-domain">Add a domain</h2>
    <div class="fields">
      <label class="field"><span>Domain</span><input type="text" required placeholder="cipp.example.com" value=${name} disabled=${!canWrite}
        autocomplete="off" autocapitalize="none" spellcheck=${false} onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
      <label class="field"><span>Azure checks it by</span><select value=${validation} disabled=${!canWrite}
        onChange=${(/** @type {any} */ event) => setValidation(event.target.value)}>
        <option value="">what fits the domain</option><option value="cname">CNAME</option><option value="txt">TXT</option></select></label>
    </div>
    <button class="primary" disabled=${!canWrite}>Add</button>
    <${WhyNot} allowance=${allowance} />
  </form>`;
}
