// Two people, each in a workspace and browser of their own, with the same file open: both type, then both save. Reads one JSON
// object from standard input
//   {people: [{codeServer, text, saved}, …], file, executablePath, screenshots}
// (`saved` is the command that prints the file as it is on disk in that workspace)
// and prints one line of JSON: {"opened": "ok", "typed": "ok", "saved": "ok"} with what went wrong in place of "ok".
import { explain, launch, newPage, openEditor, picture, readJob, save, typeAtEnd } from "./editor.mjs";

const job = readJob();
const browsers = await Promise.all(job.people.map(() => launch(job)));
const pages = await Promise.all(browsers.map(newPage));
const each = (step) => Promise.all(job.people.map((person, at) => step(pages[at], person)));

const steps = {
    opened: () => each((page, person) => openEditor(page, person.codeServer, job.file)),
    typed: () => each((page, person) => typeAtEnd(page, job.file, person.text)),
    saved: () => each((page, person) => save(page, person.saved, person.text)),
};
const result = {};
for (const [name, step] of Object.entries(steps)) {
    try {
        await step();
        result[name] = "ok";
    } catch (error) {
        result[name] = explain(error);
    }
    await Promise.all(pages.map((page, at) => picture(job, page, `two-${at + 1}-${name}`)));
    if (result[name] !== "ok") break;
}
await Promise.all(browsers.map((browser) => browser.close()));
console.log(JSON.stringify(result));
