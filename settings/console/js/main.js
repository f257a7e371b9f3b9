/** The console's first module: it draws the console into the page. */

import { html, render, useEffect, useState } from "../vendor/preact-htm.js";
import { read, restorePlace } from "./api.js";

/** The header of every view: who the caller is. */
function Header() {
  const [roles, setRoles] = useState("");
  useEffect(() => {
    read("me").then(
      ({ whole }) => setRoles(whole.clientPrincipal.userRoles.join(", ")),
      (error) => setRoles(error.message),
    );
  }, []);
  return html`<header aria-busy=${roles === ""}><h1>CIPP Backend</h1><p>${roles}</p></header>`;
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
