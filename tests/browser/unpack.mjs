// Unpacks Chromium, the libraries and the fonts that it needs, which the npm package holds compressed with Brotli.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";

const modules = fileURLToPath(new URL("node_modules/", import.meta.url));
const target = `${modules}.chromium`;
const unpacked = (name) => brotliDecompressSync(readFileSync(`${modules}@sparticuz/chromium/bin/${name}.br`));

mkdirSync(target, { recursive: true });
writeFileSync(`${target}/chromium`, unpacked("chromium"), { mode: 0o755 });
for (const name of ["al2023.tar", "fonts.tar"]) {
  execFileSync("tar", ["--extract", "--no-same-owner", "--directory", target], { input: unpacked(name) });
}
writeFileSync(`${target}/fonts.conf`, `<fontconfig><dir>${target}/fonts</dir><cachedir>${target}/cache</cachedir></fontconfig>\n`);
