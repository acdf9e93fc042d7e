// A deep link into the editor of a workspace that lives below a path, reloaded; and the user's own server. Reads one JSON
// object from standard input
//   {codeServer, webServer, folder, file, executablePath, screenshots}
// and prints one line of JSON: {"link": "ok", "reload": "ok", "web": "ok", "strays": [paths outside of the workspace's own]}.
import { explain, launch, newPage, picture, readJob } from "./editor.mjs";

const job = readJob();
const browser = await launch(job);
const page = await newPage(browser);

const origin = new URL(job.codeServer).origin;
const strays = new Set();
let sockets = 0;
const look = (address, own) => {
    const url = new URL(address);
    const same = url.host === new URL(origin).host;
    const inside = url.pathname.startsWith(own) || url.pathname + "/" === own;
    if (same && !inside && url.pathname !== "/favicon.ico") strays.add(url.pathname);
};
page.on("request", (request) => look(request.url(), new URL(job.codeServer).pathname));
page.on("websocket", (socket) => {
    sockets += 1;
    look(socket.url(), new URL(job.codeServer).pathname);
});

async function shown() {
    await page.locator(".monaco-workbench .part.editor").waitFor();
    await page.locator(".explorer-folders-view .monaco-list-row", { hasText: job.file }).waitFor();
}

const steps = {
    link: async () => {
        // Without the slash: sent to the address with it, and the query comes along.
        await page.goto(job.codeServer.replace(/\/$/, "") + "?folder=" + job.folder, { waitUntil: "domcontentloaded" });
        await shown();
        if (!page.url().startsWith(job.codeServer + "?folder=")) throw new Error(`landed at ${page.url()}`);
        if (sockets === 0) throw new Error("no WebSocket was opened");
    },
    reload: async () => {
        const before = sockets;
        await page.reload({ waitUntil: "domcontentloaded" });
        await shown();
        if (sockets === before) throw new Error("no WebSocket was opened after the reload");
    },
    web: async () => {
        page.removeAllListeners("request");
        const answer = await page.goto(job.webServer + "echo/deep?x=1", { waitUntil: "load" });
        const text = await page.locator("body").innerText();
        const prefix = new URL(job.webServer).pathname.replace(/\/$/, "");
        if (answer.status() !== 200) throw new Error(`status ${answer.status()}`);
        if (!text.includes(`path=/echo/deep?x=1 prefix=${prefix}`)) throw new Error(`the server saw: ${text}`);
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
    await picture(job, page, `path-${name}`);
}
await browser.close();
console.log(JSON.stringify({ ...result, strays: [...strays] }));
