/** The first screen: until when CIPP works, what needs attention, and each resource with its controls. */

import { html } from "../../vendor/preact-htm.js";
import { addressOf } from "../place.js";
import { WhyNot, useAllowance } from "../parts/allowance.js";
import { Part } from "../parts/reading.js";
import { KeysPromise, Standing, toneOf } from "../parts/status.js";
import { Badge, CONTROL, Long, Name, Outside, Sentence, Sign } from "../parts/text.js";
import { confirmWrite } from "../parts/write.js";

/** @typedef {import("../parts/responses.js").Card} Card */
/** @typedef {import("../parts/responses.js").Me} Me */
/** @typedef {import("../parts/responses.js").Overview} OverviewValue */
/** @typedef {import("../parts/responses.js").Keys} KeysValue */
/** @typedef {import("../parts/responses.js").Status} Status */
/** @typedef {import("../parts/text.js").Tone} Tone */
/** @typedef {import("./frame.js").ViewProps} ViewProps */

const APPS = ["FunctionApp", "WebApp"];
const STATE_PROBLEM = /^It is \w+: call ExecFunctionAppStart\.$/;

/** What each kind of card is called. @type {Record<string, string>} */
const KINDS = {
  ResourceGroup: "Resource group",
  KeyVault: "Key vault",
  FunctionApp: "Function app",
  WebApp: "Web app",
  MainApp: "Main app of CIPP",
  StaticWebApp: "Static web app",
  AppServicePlan: "App Service plan",
  SignIn: "Sign-in of CIPP",
  Keys: "Keys",
};

/** Return the cards of resources, the apps first. @param {Card[]} cards */
function inOrder(cards) {
  const order = ["WebApp", "MainApp", "FunctionApp", "StaticWebApp", "SignIn", "KeyVault", "AppServicePlan", "ResourceGroup"];
  return cards.filter((card) => card.Kind !== "Keys").sort((one, other) => order.indexOf(one.Kind) - order.indexOf(other.Kind));
}

/** @param {ViewProps} props */
export function OverviewView({ me, keys, overview, status }) {
  return html`<h1 tabindex="-1" class="hidden">Overview</h1>
    <${WorksUntil} keys=${keys} overview=${overview} alone=${status} />
    <section aria-labelledby="attention">
      <h2 id="attention">Needs attention</h2>
      <${Part} reading=${overview} what="what needs attention">
        ${(/** @type {OverviewValue} */ value) => html`<${Attention} overview=${value} me=${me} />`}
      <//>
    </section>
    <section aria-labelledby="resources">
      <div class="heading"><h2 id="resources">Resources</h2><${AllApps} me=${me} overview=${overview.value} /></div>
      <${Part} reading=${overview} what="the resources">
        ${(/** @type {OverviewValue} */ value) => html`<ul class="cards">
          ${inOrder(value.Cards).map(
            (card) => html`<${Resource} key=${`${card.Kind} ${card.Name}`} card=${card} me=${me} />`,
          )}
        </ul>
        <p class="muted small">CIPP Backend <${Name}>${value.Version}<//>, mode ${value.Mode}.
          ${value.ModeNotes.map((note) => html` <${Sentence} text=${note} />`)}</p>`}
      <//>
    </section>`;
}

/** Return CIPP's main app, which comes first. @param {readonly Card[]} cards */
export function mainApp(cards) {
  const kinds = ["WebApp", "MainApp", "FunctionApp"];
  return kinds.map((kind) => cards.find((card) => card.Kind === kind)).find(Boolean);
}

/** Return what the hero shows. The keys load apart, so their time may be newer, and is known without the overview.
 * `alone` is the status from before the overview.
 * @param {ViewProps["keys"]} keys @param {ViewProps["overview"]} overview @param {Status} [alone]
 * @returns {Status | undefined} */
function statusOf(keys, overview, alone) {
  const status = overview.value?.Status ?? alone;
  if (status) return keys.value ? { ...status, WorksUntil: keys.value.WorksUntil } : status;
  if (!overview.error || !keys.value) return undefined;
  const unknown = { Name: null, Since: null, SinceEarliest: null, Contact: null, AsOf: "" };
  return { ...unknown, Condition: "Unknown", WorksUntil: keys.value.WorksUntil };
}

/** Whether CIPP works, and until when, as the largest sentence of the page.
 * @param {{ keys: ViewProps["keys"], overview: ViewProps["overview"], alone?: Status }} props */
function WorksUntil({ keys, overview, alone }) {
  const status = statusOf(keys, overview, alone);
  const app = mainApp(overview.value?.Cards ?? []);
  return html`<section class="hero" aria-label="Until when CIPP works">
    ${status && html`<${Standing} status=${status} state=${app?.Exists === false ? "missing" : app?.State} />`}
    <${Part} reading=${keys} what="until when CIPP works">
      ${(/** @type {KeysValue} */ value) => {
        const tone = toneOf(value.WorksUntil);
        const rest = value.Sentence.replace(/^CIPP keeps working until .*? UTC unless someone/, "This holds unless someone");
        return html`${!status && html`<p class=${`promise ${tone}`}><${Sign} tone=${tone} size=${36} />
            <span><${KeysPromise} until=${value.WorksUntil} isUp=${false} /></span></p>`}
          <p class="muted under"><${Sentence} text=${rest} /> <a href=${addressOf("keys")}>See all keys</a></p>`;
      }}
    <//>
  </section>`;
}

/** One thing that needs attention, with its one next step.
 * @typedef {{ tone: Tone, rank: number, where: string, text: string, card: Card }} Problem */

/** Return the problems of all cards, most severe first. @param {Card[]} cards @returns {Problem[]} */
export function problemsOf(cards) {
  /** @type {Problem[]} */
  const problems = [];
  for (const card of cards) {
    const where = `${KINDS[card.Kind] ?? card.Kind}${card.Kind === "Keys" ? "" : ` ${card.Name}`}`;
    const isDown = APPS.includes(card.Kind) && isStopped(card);
    if (isDown) problems.push({ tone: "bad", rank: 0, where, text: `It is ${(card.State ?? "").toLowerCase()}.`, card });
    for (const text of card.Problems) {
      if (STATE_PROBLEM.test(text)) continue; // its state shows it, and may be newer
      const isBroken = card.Exists === false || /doesn't work|can't sign in|revoked|expired/i.test(text);
      problems.push({ tone: isBroken ? "bad" : "warn", rank: isBroken ? 1 : card.Exists === null ? 3 : 2, where, text, card });
    }
  }
  return problems.sort((one, other) => one.rank - other.rank);
}

/** @param {Card} card */
function isStopped(card) {
  return card.Exists === true && card.State !== null && /^(stopped|disabled|admin)/i.test(card.State);
}

/** @param {{ overview: OverviewValue, me: Me }} props */
function Attention({ overview, me }) {
  const problems = problemsOf(overview.Cards);
  if (!problems.length) return html`<p class="calm"><${Sign} tone="ok" />Nothing. Every resource and key is in order.</p>`;
  return html`<ul class="problems">
    ${problems.map((problem) => html`<li key=${problem.where + problem.text} class=${problem.tone}>
      <${Sign} tone=${problem.tone} />
      <div><p class="where"><${Name}>${problem.where}<//></p><${Long} text=${problem.text} />
        ${isStopped(problem.card) && APPS.includes(problem.card.Kind) && problem.rank === 0 && html`<p class="small"><a href=${addressOf("log")}>See whether it was stopped here, and by whom</a></p>`}</div>
      <div class="step"><${NextStep} problem=${problem} me=${me} /></div>
    </li>`)}
  </ul>`;
}

/** The one thing to do about a problem. @param {{ problem: Problem, me: Me }} props */
function NextStep({ problem: { card, text }, me }) {
  if (isStopped(card) && APPS.includes(card.Kind)) return html`<${AppControl} key="Start" name=${card.Name} action="Start" me=${me} isMain />`;
  if (card.Kind === "Keys") {
    const key = /^([\w-]+): /.exec(text)?.[1];
    return html`<a class="button" href=${key ? addressOf("keys", key) : addressOf("keys")}>${key ? "See this key" : "See the keys"}</a>`;
  }
  if (/permission|Microsoft\.\w+\/|not authorized|AuthorizationFailed/i.test(text)) {
    return html`<a class="button" href=${addressOf("permissions")}>See the permissions</a>`;
  }
  if (/domain/i.test(text)) return html`<a class="button" href=${addressOf("domains")}>See the domains</a>`;
  if (/setting/i.test(text) && APPS.includes(card.Kind)) {
    return html`<a class="button" href=${addressOf("settings", card.Name)}>See the settings</a>`;
  }
  return card.Link ? html`<span class="button"><${Outside} to=${card.Link}>Open in the portal<//></span>` : null;
}

/** Return how the state of a card is shown. @param {Card} card @returns {{ tone: Tone, word: string }} */
function stateOf(card) {
  if (card.Exists === false) return { tone: "bad", word: "Missing" };
  if (card.Exists === null) return { tone: "warn", word: "Unknown" };
  if (isStopped(card)) return { tone: "bad", word: card.State ?? "" };
  return { tone: problemsOf([card]).length ? "warn" : "ok", word: card.State ?? "Exists" };
}

/** A resource with its state and controls. @param {{ card: Card, me: Me }} props */
function Resource({ card, me }) {
  const { tone, word } = stateOf(card);
  const problems = problemsOf([card]).length;
  const allowance = useAllowance(me, CONTROL, "controls");
  const isApp = APPS.includes(card.Kind) && card.Exists !== false && card.Name;
  return html`<li class="card">
    <div class="card-head">
      <p class="kind">${KINDS[card.Kind] ?? card.Kind}</p>
      <${Badge} tone=${tone}><${Name}>${word}<//><//>
    </div>
    <h3><${Name}>${card.Name || "Not known"}<//></h3>
    ${problems > 0 && html`<p class="card-problem"><${Sign} tone="warn" size=${16} />${problems === 1
      ? "1 problem" : `${problems} problems`}, under "Needs attention"</p>`}
    ${card.Notes.length > 0 && html`<ul class="notes">${card.Notes.map((text) => html`<li key=${text}><${Sentence} text=${text} /></li>`)}</ul>`}
    <div class="card-foot">
      ${isApp && html`<div class="buttons">
        ${isStopped(card)
          ? html`<${AppControl} key="Start" name=${card.Name} action="Start" me=${me} isMain />`
          : html`<${AppControl} key="Restart" name=${card.Name} action="Restart" me=${me} /><${AppControl} key="Stop" name=${card.Name} action="Stop" me=${me} />`}
      </div>
      <${WhyNot} allowance=${{ ...allowance, note: "" }} />`}
      <p class="links">
        ${isApp && html`<a href=${addressOf("settings", card.Name)}>Settings</a> <a href=${addressOf("deployment", card.Name)}>Deployment</a>`}
        ${card.Kind === "StaticWebApp" && html`<a href=${addressOf("domains")}>Domains</a> <a href=${addressOf("users")}>Users</a>`}
        ${card.Kind === "KeyVault" && html`<a href=${addressOf("keys")}>Keys</a>`}
        ${card.Link && html`<${Outside} to=${card.Link}>Portal<//>`}
      </p>
    </div>
  </li>`;
}

/** Controls of the main app and its offload apps together. @param {{ me: Me, overview?: OverviewValue }} props */
function AllApps({ me, overview }) {
  const apps = overview?.Cards.filter((card) => APPS.includes(card.Kind)) ?? [];
  if (apps.length < 2) return null;
  return html`<div class="buttons">
    ${["Start", "Restart", "Stop"].map((action) => html`<${AppControl} key=${action} action=${action} me=${me} />`)}
  </div>`;
}

/** A button that starts, stops or restarts one app, or all of CIPP's apps if it has no name.
 * @param {{ name?: string, action: string, me: Me, isMain?: boolean }} props */
export function AppControl({ name, action, me, isMain }) {
  const { may: isAllowed, why } = useAllowance(me, CONTROL, "controls");
  const press = async () => {
    const isStop = action === "Stop";
    await confirmWrite({
      title: `${action} ${name ?? "all of CIPP's apps"}`,
      verb: action,
      endpoint: `ExecFunctionApp${action}`,
      body: name ? { Name: name } : { All: true },
      typed: isStop ? (name ?? "all") : undefined,
      isDanger: isStop,
      isLong: true, // a container takes some minutes to start
      canForce: isAllowed,
      intro: isStop && html`<p><${Sign} tone="warn" />While it is stopped, CIPP or a part of it does not work.</p>`,
    });
  };
  return html`<button type="button" class=${isMain ? "primary small" : action === "Stop" ? "danger-quiet small" : "small"}
    disabled=${!isAllowed} title=${why}
    aria-label=${`${action} ${name ?? "all apps"}`} onClick=${press}
  >${name ? action : `${action} all`}</button>`;
}
