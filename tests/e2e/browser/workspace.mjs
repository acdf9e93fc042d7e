// A person at a workspace, in a real Chromium. Reads one JSON object from standard input
//   {codeServer, vnc, webServer, vncPassword, file, text, saved, executablePath, screenshots}
// (`saved` is the command that prints the file as it is on disk in the workspace)
// and prints one line of JSON: {"editor": "ok", "desktop": "ok", "desktopRefused": "ok", "web": "ok"} with what went
// wrong in place of "ok". A screenshot of each page goes to the folder `screenshots`.
import { explain, launch, newPage, openEditor, picture, readJob, save, typeAtEnd } from "./editor.mjs";

const job = readJob();

/** Opens the file by name, types at its end and saves, all with the keyboard. */
async function editor(page) {
    await openEditor(page, job.codeServer, job.file);
    await typeAtEnd(page, job.file, job.text);
    await save(page, job.saved, job.text);
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

const browser = await launch(job);
const result = {};
for (const [name, visit] of Object.entries({ web, editor, desktop, desktopRefused })) {
    const page = await newPage(browser);
    try {
        await visit(page);
        result[name] = "ok";
    } catch (error) {
        result[name] = explain(error);
    }
    await picture(job, page, name);
    await page.context().close();
}
await browser.close();
console.log(JSON.stringify(result));
