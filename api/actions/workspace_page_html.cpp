// The page itself: text, style and script. It loads nothing, keeps the key in memory only and forgets it when
// it is left: what runs in the workspace later has the same origin.

#include "api/actions/workspace_page.hpp"

namespace berth {

namespace {

constexpr std::string_view kStyle = R"css(
body { font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 14vh auto; padding: 0 1.5rem; color: #1f2937; background: #fff }
h1 { font-size: 1.5rem } code { background: #f3f4f6; border-radius: 4px; padding: .1em .3em }
label { display: block; margin: 1rem 0 .25rem } .row { display: flex; gap: .5rem }
input { flex: 1; min-width: 0 } input, button { font: inherit; padding: .4rem .7rem; border: 1px solid #9ca3af; border-radius: 6px }
button { background: #1d4ed8; border-color: #1d4ed8; color: #fff; cursor: pointer } button:disabled { opacity: .6; cursor: default }
#problem { color: #b91c1c } [hidden] { display: none }
@media (prefers-color-scheme: dark) { body { color: #e5e7eb; background: #111827 } code, input { background: #1f2937; color: inherit } #problem { color: #fca5a5 } }
)css";

constexpr std::string_view kScript = R"js(
const element = (id) => document.getElementById(id);
const { id, base, state } = document.body.dataset;
const api = base + '.berth/' + id + '/';
let key = '', asked = state === 'starting', shown = 0;

function show(title, text) { element('title').textContent = title; element('text').textContent = text; }
function problem(text) {
    element('problem').textContent = text;
    element('problem').hidden = !text;
    element('start').disabled = false;
}
function waiting(text) { element('form').hidden = true; show('Starting', text); }

// Who gave a key sees how far it is. The path is Berth's own also while the workspace runs: the key goes nowhere else.
async function progress() {
    if (!key) return;
    const answer = await fetch(api + 'status', { headers: { Authorization: 'Bearer ' + key }, cache: 'no-store' });
    if (!answer.ok) return;
    const view = await answer.json();
    const sync = view.sync ?? {};
    const files = sync.restoreFiles > 0 ? ' (' + (sync.restoredFiles ?? 0) + ' of ' + sync.restoreFiles + ' files)' : '';
    if (view.message) waiting(view.message + files);
}
async function look() {
    const answer = await fetch(location.href, { headers: { Accept: 'text/html' }, cache: 'no-store' });
    const now = answer.headers.get('X-Berth-Workspace');
    if (now === 'failed') { element('form').hidden = false; show('It could not start', 'Its owner finds the reason in the API.'); asked = false; return; }
    // A moment lies between the start and the first answer that knows of it.
    if (now === 'stopped' || now === 'stopping') { if (++shown > 15) location.reload(); return; }
    if (now === 'starting') return progress();
    if (![404, 502, 503, 504].includes(answer.status)) location.reload();
}
async function follow() {
    while (asked) {
        await look().catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 700));
    }
}
element('form').addEventListener('submit', async (event) => {
    event.preventDefault();
    key = element('key').value.trim();
    problem('');
    element('start').disabled = true;
    const answer = await fetch(api + 'start', { method: 'POST', headers: { Authorization: 'Bearer ' + key } }).catch(() => null);
    if (!answer) return problem('Berth does not answer. Please try again.');
    if (answer.status === 401 || answer.status === 403) return problem('This key may not start it.');
    if (answer.status === 429) return problem('Too many requests with this key. Please wait a minute.');
    if (!answer.ok) {
        const text = await answer.json().then((body) => body.error.message).catch(() => '');
        return problem(text || 'It can not be started now.');
    }
    element('key').value = '';
    asked = true;
    shown = 0;
    waiting('This takes a few seconds.');
    follow();
});
if (asked) follow();
)js";

std::string escaped(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        case '\'':
            out += "&#39;";
            break;
        default:
            out += c;
        }
    }
    return out;
}

struct Words {
    const char* title;
    const char* text;
};

Words words_of(PageState state)
{
    switch (state) {
    case PageState::stopped:
        return {"This workspace is stopped",
            "Its files are safe. Start it again and you are back where you were."};
    case PageState::stopping:
        return {"This workspace is stopping",
            "Its last changes are being saved. You can start it again right away."};
    case PageState::starting:
        return {"Starting", "This takes a few seconds. The page opens by itself."};
    case PageState::failed:
        return {"This workspace has failed", "Its files are kept. You can start it again."};
    }
    return {"", ""};
}

} // namespace

std::string render_page(
    PageState state, const std::string& id, const std::string& base, const std::string& nonce)
{
    const auto words = words_of(state);
    const bool starting = state == PageState::starting;
    const auto quoted_nonce = " nonce=\"" + escaped(nonce) + "\"";
    std::string page = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<meta name=\"robots\" content=\"noindex\">\n";
    if (starting) page += "<noscript><meta http-equiv=\"refresh\" content=\"3\"></noscript>\n";
    page.append("<title>").append(words.title).append("</title>\n<style").append(quoted_nonce).append(">");
    page.append(kStyle).append("</style>\n</head>\n<body data-id=\"").append(escaped(id));
    page.append("\" data-base=\"").append(escaped(base)).append("\" data-state=\"");
    page.append(detail::enumerator_name(state)).append("\">\n<h1 id=\"title\">").append(words.title);
    page.append("</h1>\n<p>Workspace <code>").append(escaped(id)).append("</code></p>\n");
    page.append("<p id=\"text\" role=\"status\">").append(words.text).append("</p>\n<form id=\"form\"");
    page.append(starting ? " hidden>" : ">");
    page += "<label for=\"key\">API key</label>\n<div class=\"row\">"
            "<input id=\"key\" type=\"password\" autocomplete=\"off\" spellcheck=\"false\" required>"
            "<button id=\"start\" type=\"submit\">Start</button></div></form>\n"
            "<p id=\"problem\" role=\"alert\" hidden></p>\n"
            "<noscript><p>This page needs JavaScript to start the workspace.</p></noscript>\n";
    page.append("<script")
        .append(quoted_nonce)
        .append(">")
        .append(kScript)
        .append("</script>\n</body>\n</html>\n");
    return page;
}

} // namespace berth
