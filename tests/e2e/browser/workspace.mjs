// A person at a workspace, in a real Chromium. Reads one JSON object from standard input
//   {codeServer, vnc, webServer, vncPassword, file, text, saved, executablePath, screenshots}
// (`saved` is the command that prints the file as it is on disk in the workspace)
// and prints one line of JSON: {"editor": "ok", "desktop": "ok", "desktopRefused": "ok", "web": "ok"} with what went
// wrong in place of "ok". A screenshot of each page goes to the folder `screenshots`.
import { chromium } from "playwright-core";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const job = JSON.parse(fs.readFileSync(0, "utf8"));
fs.mkdirSync(job.screenshots, { recursive: true });

async function picture(page, name) {
    await page.screenshot({ path: path.join(job.screenshots, `${name}.png`) }).catch(() => {});
}

async function until(condition, milliseconds, what) {
    const deadline = Date.now() + milliseconds;
    while (!condition()) {
        if (Date.now() > deadline) throw new Error(`gave up waiting: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 200));
    }
}

/** Opens the file by name, types at its end and saves, all with the keyboard. */
async function editor(page) {
    await page.goto(job.codeServer + "?folder=/workspace", { waitUntil: "domcontentloaded" });
    await page.locator(".monaco-workbench .part.editor").waitFor({ timeout: 60000 });
    const trust = page.getByRole("button", { name: /trust the authors/i });
    await Promise.race([
        trust.waitFor({ timeout: 5000 }).then(() => trust.click()).catch(() => {}),
        page.locator(".explorer-folders-view .monaco-list-row").first().waitFor({ timeout: 30000 }),
    ]);
    const row = page.locator(".explorer-folders-view .monaco-list-row", { hasText: job.file });
    await row.waitFor({ timeout: 30000 });
    if (await trust.isVisible()) await trust.click();
    await row.dblclick();
    const tab = page.locator(`.tabs-container .tab[data-resource-name="${job.file}"]`);
    await tab.waitFor({ timeout: 30000 });
    await page.locator(".editor-instance .view-lines").first().click();
    await page.keyboard.press("Control+End");
    await page.keyboard.type(job.text);
    await page.locator(".editor-instance .view-lines", { hasText: job.text.trim() }).first().waitFor({ timeout: 10000 });
    await page.keyboard.press("Control+s");
    await until(() => execFileSync(job.saved[0], job.saved.slice(1), { encoding: "utf8" }).endsWith(job.text), 15000, "the file is saved");
}

async function openDesktop(page, password) {
    await page.goto(job.vnc + "vnc.html", { waitUntil: "domcontentloaded" });
    const input = page.locator("#password");
    await input.waitFor({ state: "visible", timeout: 30000 });
    await input.fill(password);
    await page.keyboard.press("Enter");
}

/** Connected, and the canvas shows something: more than one colour. */
async function desktop(page) {
    await openDesktop(page, job.vncPassword);
    await page.locator("#status", { hasText: /^Connected$/ }).waitFor({ timeout: 30000 });
    await page.waitForFunction(() => {
        const canvas = document.querySelector("#screen canvas");
        if (!canvas || canvas.width < 200 || canvas.height < 200) return false;
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        const colours = new Set();
        for (let i = 0; i < data.length && colours.size < 2; i += 4 * 97) colours.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
        return colours.size >= 2;
    }, null, { timeout: 20000 });
}

async function desktopRefused(page) {
    await openDesktop(page, "wrong" + job.vncPassword.slice(0, 3));
    await page.locator("#problem", { hasText: /refused/ }).waitFor({ timeout: 30000 });
    const status = await page.locator("#status").innerText();
    if (status !== "Not connected") throw new Error(`a wrong password leads to: ${status}`);
}

async function web(page) {
    const answer = await page.goto(job.webServer, { waitUntil: "load" });
    if (answer.status() !== 200) throw new Error(`status ${answer.status()}`);
    const text = await page.locator("body").innerText();
    if (text.trim().length < 10) throw new Error("the page is empty");
}

const browser = await chromium.launch({
    executablePath: job.executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"],
});
const result = {};
for (const [name, visit] of Object.entries({ web, editor, desktop, desktopRefused })) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    page.setDefaultTimeout(30000);
    try {
        await visit(page);
        result[name] = "ok";
    } catch (error) {
        result[name] = String(error.message ?? error).split("\n").slice(0, 4).join(" | ");
    }
    await picture(page, name);
    await context.close();
}
await browser.close();
console.log(JSON.stringify(result));
