// The page around noVNC: asks for the password, connects, connects again when the connection is lost. The npm package holds noVNC's
// library only.
// ?resize=remote|scale|off (remote: the desktop takes the window's size), ?reconnect=false. The password may be given as #password=…,
// a part of the address that browsers do not send to servers.
import RFB from './core/rfb.js';

const element = (id) => document.getElementById(id);
const address = new URL('websockify', location.href.split('#')[0]);
address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
address.search = '';

const query = new URLSearchParams(location.search);
const resize = query.get('resize') ?? 'remote';
const reconnect = !['false', '0'].includes(query.get('reconnect'));

let rfb = null;
let password = new URLSearchParams(location.hash.slice(1)).get('password');
let delay = 500;
const patience = 10000; // milliseconds until the desktop says anything

function say(text, isError = false) {
    element('status').textContent = text;
    element('status').classList.toggle('problem', isError);
}

function askPassword(problem) {
    element('problem').textContent = problem ?? '';
    element('problem').hidden = !problem;
    element('password').value = '';
    if (!element('login').open) element('login').showModal();
}

function connect() {
    say('Connecting…');
    let refused = false;
    const attempt = new RFB(element('screen'), address.href, { shared: true });
    rfb = attempt;
    const silence = setTimeout(() => attempt.disconnect(), patience);
    for (const sign of ['credentialsrequired', 'securityfailure', 'connect', 'disconnect'])
        attempt.addEventListener(sign, () => clearTimeout(silence));
    rfb.resizeSession = resize === 'remote';
    rfb.scaleViewport = resize !== 'off';
    rfb.background = '#1f2937';
    rfb.addEventListener('credentialsrequired', () => (password ? rfb.sendCredentials({ password }) : askPassword()));
    rfb.addEventListener('securityfailure', () => {
        refused = true;
        password = null;
    });
    rfb.addEventListener('connect', () => {
        delay = 500;
        element('clipboard').disabled = false;
        say('Connected');
        rfb.focus();
    });
    rfb.addEventListener('clipboard', (event) => {
        element('text').value = event.detail.text;
    });
    rfb.addEventListener('disconnect', () => {
        element('clipboard').disabled = true;
        rfb = null;
        if (refused) {
            say('Not connected', true);
            askPassword('The password was refused. It may take a few seconds until a new workspace knows its password.');
        } else if (!reconnect) {
            say('The connection was lost', true);
        } else if (!element('login').open) {
            say('The connection was lost; trying again…', true);
            setTimeout(connect, delay);
            delay = Math.min(delay * 2, 8000);
        }
    });
}

element('login').addEventListener('cancel', (event) => event.preventDefault());
element('login').addEventListener('close', () => {
    password = element('password').value;
    if (rfb) rfb.sendCredentials({ password });
    else connect();
});
element('clipboard').addEventListener('click', () => element('clip').showModal());
element('clip').addEventListener('close', () => {
    if (element('clip').returnValue === 'send' && rfb) rfb.clipboardPasteFrom(element('text').value);
});
element('fullscreen').addEventListener('click', () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen();
});
connect();
