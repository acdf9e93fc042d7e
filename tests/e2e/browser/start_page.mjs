// Somebody opens a stopped workspace: reads the page, gives a wrong key, then the right one, and ends up in the editor. Reads one
// JSON object from standard input
//   {codeServer, key, executablePath, screenshots}
// and prints one line of JSON: {"page": "ok", "wrongKey": "ok", "start": "ok", "violations": [what the page's policy forbade],
// "stored": [what the page left in the browser], "seen": [headers and paths of requests that carried the key]}.
import { explain, launch, newPage, picture, readJob } from "./editor.mjs";

const job = readJob();
const browser = await launch(job);
const page = await newPage(browser);
const violations = [], seen = new Set();
page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) violations.push(message.text());
});
page.on("request", async (request) => {
    const headers = await request.allHeaders().catch(() => ({}));
    if ((headers.authorization ?? "").includes(job.key)) seen.add(new URL(request.url()).pathname);
});

async function give(key) {
    await page.locator("#key").fill(key);
    await page.locator("#start").click();
}
let stored = [];
const steps = {
    page: async () => {
        const answer = await page.goto(job.codeServer, { waitUntil: "load" });
        if (answer.status() !== 404) throw new Error(`status ${answer.status()}`);
        await page.locator("h1", { hasText: "is stopped" }).waitFor({ timeout: 5000 });
    },
    wrongKey: async () => {
        await give("x".repeat(40));
        await page.locator("#problem", { hasText: "may not start it" }).waitFor({ timeout: 10000 });
    },
    start: async () => {
        await give(job.key);
        await page.locator("h1", { hasText: "Starting" }).waitFor({ timeout: 10000 });
        stored = await page.evaluate(() => [...Object.keys(localStorage), ...Object.keys(sessionStorage), document.cookie].filter(Boolean));
        await page.locator(".monaco-workbench .part.editor").waitFor({ timeout: 90000 });
    },
};
const result = {};
for (const [name, step] of Object.entries(steps)) {
    try {
        await step();
        result[name] = "ok";
    } catch (error) {
        result[name] = explain(error);
    }
    await picture(job, page, `start-${name}`);
    if (name === "wrongKey") result.violations = [...violations];
}
await browser.close();
console.log(JSON.stringify({ ...result, stored, seen: [...seen] }));
