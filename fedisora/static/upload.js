// Large files go up resumably (tus 1.0.0) before the form is sent; small ones, and everything without this file, with the form.
const LARGE = 4 << 20;
const PIECE = 16 << 20;
const TRIES = 12;
const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

class Refused extends Error {}

function ask(method, url, headers, body, progress) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries({ 'Tus-Resumable': '1.0.0', ...headers })) request.setRequestHeader(name, value);
    if (progress) request.upload.addEventListener('progress', (event) => progress(event.loaded, request));
    request.addEventListener('load', () => done(request));
    request.addEventListener('error', () => failed(new Error('the connection broke')));
    request.addEventListener('abort', () => failed(new Refused('')));
    request.send(body);
  });
}

function reason(request) {
  try { return JSON.parse(request.responseText).error; } catch { return `${request.status} ${request.statusText}`; }
}

async function begin(url, file, headers) {
  const name = btoa(String.fromCharCode(...new TextEncoder().encode(file.name.slice(0, 200))));
  const answer = await ask('POST', url, { ...headers, 'Upload-Length': file.size, 'Upload-Metadata': `filename ${name}` });
  if (answer.status !== 201) throw new Refused(reason(answer));
  return new URL(answer.getResponseHeader('Location')).pathname;
}

// Send what is missing; the address of the whole upload. `tell(bytes, request)` and `broken()` say how it goes.
async function send(url, file, headers, tell, broken) {
  const memory = `upload:${file.name}:${file.size}:${file.lastModified}`;
  let place = localStorage.getItem(memory);
  let tries = 0;
  for (;;) {
    try {
      if (!place) { place = await begin(url, file, headers); localStorage.setItem(memory, place); }
      const known = await ask('HEAD', place, headers);
      if (known.status === 404 || known.status === 410) { localStorage.removeItem(memory); place = null; continue; }
      if (known.status !== 200) throw known.status < 500 ? new Refused(reason(known)) : new Error(known.statusText);
      let at = Number(known.getResponseHeader('Upload-Offset'));
      while (at < file.size) {
        const start = at;
        const answer = await ask('PATCH', place, { ...headers, 'Upload-Offset': start, 'Content-Type': 'application/offset+octet-stream' },
          file.slice(start, start + PIECE), (sent, request) => tell(start + sent, request));
        if (![204, 408, 409, 423].includes(answer.status) && answer.status < 500) throw new Refused(reason(answer));
        if (answer.status !== 204) throw new Error(answer.statusText);
        at = Number(answer.getResponseHeader('Upload-Offset'));
        tries = 0;
      }
      localStorage.removeItem(memory);
      return place;
    } catch (problem) {
      if (problem instanceof Refused) { localStorage.removeItem(memory); throw problem; }
      if (++tries > TRIES) throw problem;
      broken();
      await pause(Math.min(30_000, 500 * 2 ** tries));
    }
  }
}

for (const input of document.querySelectorAll('input[data-tus]')) {
  const form = input.form;
  const [shown, bar, said, stop] = ['[data-tus-shown]', '[data-tus-bar]', '[data-tus-said]', '[data-tus-stop]']
    .map((name) => form.querySelector(name));
  let running = null;
  stop.addEventListener('click', () => running?.abort());
  form.addEventListener('submit', async (event) => {
    const file = input.files[0];
    if (!file || file.size < LARGE) return;
    event.preventDefault();
    const button = event.submitter;
    if (button) button.disabled = true;
    shown.hidden = false;
    said.textContent = said.dataset.sending;
    try {
      const place = await send(input.dataset.tus, file, { 'X-CSRF-Token': form.elements.csrf_token.value },
        (bytes, request) => { running = request; bar.value = 100 * bytes / file.size; said.textContent = said.dataset.sending; },
        () => { said.textContent = said.dataset.broken; });
      const whole = Object.assign(document.createElement('input'), { type: 'hidden', name: 'upload', value: place.split('/').pop() });
      form.append(whole);
      input.disabled = true; // the file itself is not sent again
      said.textContent = said.dataset.waiting;
      form.submit();
    } catch (problem) {
      said.textContent = problem.message;
      shown.hidden = !problem.message;
      bar.value = 0;
      if (button) button.disabled = false;
    }
  });
}
