// What a person does in code-server, for the scripts beside this file. Nothing here waits for a fixed time.
import { chromium } from "playwright-core";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

/** The job from standard input: one JSON object with at least {executablePath, screenshots}. */
export function readJob() {
    const job = JSON.parse(fs.readFileSync(0, "utf8"));
    fs.mkdirSync(job.screenshots, { recursive: true });
    return job;
}

export function launch(job) {
    return chromium.launch({
        executablePath: job.executablePath,
        args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"],
    });
}

export async function newPage(browser) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    page.setDefaultTimeout(60000);
    return page;
}

export async function picture(job, page, name) {
    await page.screenshot({ path: path.join(job.screenshots, `${name}.png`) }).catch(() => {});
}

export function explain(error) {
    return String(error.message ?? error).split("\n").slice(0, 4).join(" | ");
}

export async function until(condition, milliseconds, what) {
    const deadline = Date.now() + milliseconds;
    while (!condition()) {
        if (Date.now() > deadline) throw new Error(`gave up waiting: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 200));
    }
}

/** A terminal with a prompt. The editor shows itself before it listens to keys: it is asked until it does. */
export async function openTerminal(page) {
    const terminal = page.locator(".terminal .xterm-rows");
    const deadline = Date.now() + 60000;
    while ((await terminal.count()) === 0 && Date.now() < deadline) {
        await page.keyboard.press("Control+Shift+Backquote");
        await terminal.first().waitFor({ timeout: 5000 }).catch(() => {});
    }
    await page.locator(".terminal .xterm-rows", { hasText: "$" }).first().waitFor();
}

async function giveTrust(page) {
    const trust = page.getByRole("button", { name: /trust the authors/i });
    if (await trust.isVisible()) await trust.click();
}

/** Opens the editor at /workspace and waits until the explorer shows the file. */
export async function openEditor(page, address, file) {
    await page.goto(address + "?folder=/workspace", { waitUntil: "domcontentloaded" });
    await page.locator(".monaco-workbench .part.editor").waitFor();
    const trust = page.getByRole("button", { name: /trust the authors/i });
    await Promise.race([
        trust.waitFor({ timeout: 5000 }).then(() => trust.click()).catch(() => {}),
        page.locator(".explorer-folders-view .monaco-list-row").first().waitFor({ timeout: 30000 }),
    ]);
    await page.locator(".explorer-folders-view .monaco-list-row", { hasText: file }).first().waitFor({ timeout: 30000 });
    await giveTrust(page);
}

/** Types at the end of a file that the explorer shows; not saved yet. */
export async function typeAtEnd(page, file, text) {
    await page.locator(".explorer-folders-view .monaco-list-row", { hasText: file }).first().dblclick();
    await page.locator(`.tabs-container .tab[data-resource-name="${file}"]`).waitFor({ timeout: 30000 });
    await page.locator(".editor-instance .view-lines").first().click();
    await page.keyboard.press("Control+End");
    await page.keyboard.type(text);
    await page.locator(".editor-instance .view-lines", { hasText: text.trim() }).first().waitFor({ timeout: 10000 });
}

/** Saves, and waits until `saved` (the command that prints the file on disk) ends with the text. */
export async function save(page, saved, text) {
    await page.keyboard.press("Control+s");
    const onDisk = () => execFileSync(saved[0], saved.slice(1), { encoding: "utf8" }).endsWith(text);
    await until(onDisk, 15000, "the file is saved");
}
