// Somebody uses the desktop, works in the editor, stops, and leaves both tabs open. Reads one JSON object from standard input
//   {codeServer, vnc, vncPassword, typeFor (ms), gone (a file: while it is missing the tabs stay open), executablePath, screenshots}
// and prints one line of JSON: {"desktop", "editor", "terminal", "typed", "warning", "gone": "ok" or what went wrong, "shown": the
// warning}.
import { chromium } from "playwright-core";
import fs from "node:fs";
import { explain, newPage, openTerminal, picture, readJob, until } from "./editor.mjs";

const job = readJob();
// Without 3D the terminal's text is in the page, and not in a picture.
const browser = await chromium.launch({
    executablePath: job.executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-3d-apis", "--disable-dev-shm-usage", "--no-proxy-server"],
});
const page = await newPage(browser);
const terminal = page.locator(".terminal .xterm-rows");
let shown = "";
const steps = {
    desktop: async () => {
        const desktop = await newPage(browser);
        await desktop.goto(job.vnc + "vnc.html", { waitUntil: "domcontentloaded" });
        await desktop.locator("#password").fill(job.vncPassword);
        await desktop.keyboard.press("Enter");
        await desktop.locator("#status", { hasText: /^Connected$/ }).waitFor();
        await desktop.locator("#screen canvas").click({ position: { x: 200, y: 200 } });
        await desktop.locator("#screen canvas").click({ position: { x: 300, y: 250 } });
    },
    editor: async () => {
        await page.goto(job.codeServer + "?folder=/workspace", { waitUntil: "domcontentloaded" });
        await page.locator(".monaco-workbench .part.editor").waitFor();
        await page.locator(".explorer-folders-view").waitFor();
    },
    terminal: async () => {
        await openTerminal(page);
    },
    typed: async () => {
        await page.locator(".terminal .xterm-screen").click();
        const end = Date.now() + job.typeFor;
        while (Date.now() < end) await page.keyboard.type(":", { delay: 500 });
        await page.keyboard.press("Enter");
    },
    warning: async () => {
        await page.locator(".terminal .xterm-rows", { hasText: "Berth: nobody uses this workspace" }).waitFor();
        shown = await terminal.innerText();
    },
    gone: async () => until(() => fs.existsSync(job.gone), 120000, "the tab may be closed"),
};
const result = {};
for (const [name, step] of Object.entries(steps)) {
    try {
        await step();
        result[name] = "ok";
    } catch (error) {
        result[name] = explain(error);
    }
    await picture(job, page, `idle-${name}`);
    if (result[name] !== "ok") break;
}
await browser.close();
console.log(JSON.stringify({ ...result, shown }));
