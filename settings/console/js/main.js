/** The console's first module: it draws the console into the page. */

import { html, render } from "../vendor/preact-htm.js";
import { restorePlace } from "./api.js";

/** The header of every view. */
function Header() {
  return html`<header><h1>CIPP Backend</h1></header>`;
}

/** The whole console. */
function Console() {
  return html`<${Header} /><main id="main"></main>`;
}

restorePlace();
const root = document.getElementById("console");
if (root) {
  render(html`<${Console} />`, root);
}
