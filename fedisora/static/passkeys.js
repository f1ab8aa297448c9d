// Passkeys: adding one in the settings, logging in with one. Without this file there is the password.
export class Refused extends Error {}

export const say = (place, words) => { place.hidden = !words; place.textContent = words; };
export const token = (form) => form.querySelector('[name="csrf_token"]').value;

// The answer of our server; an error says what it says.
export async function post(url, body, headers = {}) {
  let answer;
  try { answer = await fetch(url, { method: 'POST', body, headers: { Accept: 'application/json', ...headers } }); } catch {
    throw new Refused('The server cannot be reached. Check your connection.');
  }
  if (answer.ok) return answer;
  let words = `${answer.status} ${answer.statusText}`;
  try { words = (await answer.json()).error; } catch { /* no JSON: the status says enough */ }
  throw new Refused(words);
}

// Passkeys: bytes travel as base64url.
const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

// browsers give no passkeys to addresses
const possible = window.PublicKeyCredential && !/^[\d.:[\]]+$/.test(location.hostname);

async function makePasskey(form) {
  const made = await (await post('/settings/human/passkeys/options', new URLSearchParams({ csrf_token: token(form) }))).json();
  const found = await navigator.credentials.create({ publicKey: {
    ...made, challenge: bytes(made.challenge), user: { ...made.user, id: bytes(made.user.id) },
    excludeCredentials: made.excludeCredentials.map((known) => ({ ...known, id: bytes(known.id) })) } });
  const response = found.response;
  const answer = { id: found.id, rawId: text(found.rawId), type: found.type, clientExtensionResults: {},
    response: { clientDataJSON: text(response.clientDataJSON), attestationObject: text(response.attestationObject),
      transports: response.getTransports?.() ?? [] } };
  await post('/settings/human/passkeys', new URLSearchParams({ csrf_token: token(form), answer: JSON.stringify(answer),
    name: form.elements.name.value }));
}

for (const form of document.querySelectorAll('[data-passkey]')) {
  const status = form.parentElement.querySelector('[data-passkey-status]');
  if (!possible) { say(status, form.dataset.unable); continue; }
  form.hidden = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button');
    button.disabled = true;
    try {
      await makePasskey(form);
      location.reload();
    } catch (problem) {
      say(status, `${form.dataset.failed} ${problem.message}`);
      button.disabled = false;
    }
  });
}

for (const form of document.querySelectorAll('[data-passkey-login]')) {
  const status = form.querySelector('[data-passkey-status]');
  if (!possible) continue;
  form.hidden = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button');
    button.disabled = true;
    say(status, '');
    try {
      const made = await (await post('/login/passkey/options', new URLSearchParams({ csrf_token: token(form) }))).json();
      const found = await navigator.credentials.get({ publicKey: { ...made, challenge: bytes(made.challenge), allowCredentials: [] } });
      const response = found.response;
      const answer = { id: found.id, rawId: text(found.rawId), type: found.type, clientExtensionResults: {},
        response: { clientDataJSON: text(response.clientDataJSON), authenticatorData: text(response.authenticatorData),
          signature: text(response.signature), userHandle: response.userHandle ? text(response.userHandle) : null } };
      const answered = await post('/login/passkey', new URLSearchParams({ csrf_token: token(form), answer: JSON.stringify(answer),
        next: form.elements.next.value }));
      location.assign((await answered.json()).next);
    } catch (problem) {
      say(status, `${form.dataset.failed} ${problem.message}`);
      button.disabled = false;
    }
  });
}
