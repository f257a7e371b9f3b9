/** The console's first module: it draws the console into the page. */

import { html, render } from "../vendor/preact-htm.js";
import { restorePlace } from "./api.js";
import { Frame } from "./views/frame.js";

restorePlace();
const root = document.getElementById("console");
if (root) {
  render(html`<${Frame} />`, root);
}
