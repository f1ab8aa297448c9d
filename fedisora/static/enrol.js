// Enrolling: a clip that is recorded here, looked at, and sent once. And a moderator's look at it.
// Nothing is stored in the browser; the camera is off until a button is pressed, and goes off with the page.
import { post, say, token } from './passkeys.js';

const TYPES = ['video/webm;codecs=vp8,opus', 'video/webm', 'video/mp4'];
const LONGEST = 15;
const MOST = 20 << 20;
const COUNT = 3;

for (const note of document.querySelectorAll('[data-needs-script]')) note.remove();

// The recorder.
function recorder(box) {
  const part = (name) => box.querySelector(`[data-${name}]`);
  const words = box.dataset;
  const [status, stage, live, preview, panel, clock] = ['status', 'stage', 'live', 'preview', 'words-panel', 'clock'].map(part);
  const buttons = Object.fromEntries(['open', 'record', 'stop', 'send', 'again', 'close'].map((name) => [name, part(name)]));
  const csrf = token(part('token'));
  let stream, machine, clip, challenge, ends, ticking, stopping;

  const show = (...names) => { for (const [name, button] of Object.entries(buttons)) button.hidden = !names.includes(name); };
  const forget = () => {
    if (preview.src) URL.revokeObjectURL(preview.src);
    preview.removeAttribute('src');
    clip = challenge = undefined;
    panel.hidden = true;
    clearInterval(ticking);
  };
  const look = (own) => { live.hidden = own; preview.hidden = !own; };

  function over() {
    if (machine?.state === 'recording') { machine.onstop = null; machine.stop(); }
    forget();
    look(false);
    say(status, words.over);
    show('record', 'close');
  }

  function tick() {
    const left = Math.max(0, Math.ceil((ends - performance.now()) / 1000));
    clock.textContent = left;
    if (!left) over();
  }

  async function open() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { facingMode: 'user', width: { ideal: 640 }, height: { ideal: 480 } } });
    } catch { say(status, words.noCamera); return; }
    live.srcObject = stream;
    stage.hidden = false;
    look(false);
    await live.play().catch(() => {});
    say(status, words.ready);
    show('record', 'close');
    buttons.record.focus();
  }

  function close() {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = undefined;
    forget();
    stage.hidden = true;
    say(status, '');
    show('open');
  }

  async function record() {
    forget();
    show();
    try {
      challenge = await (await post(`${words.base}/challenge`, new URLSearchParams({ csrf_token: csrf }))).json();
    } catch (problem) {
      say(status, `${words.failed} ${problem.message}`);
      show('record', 'close');
      return;
    }
    part('phrase').textContent = challenge.phrase;
    part('phrase').lang = challenge.language;
    part('turn').textContent = challenge.say;
    panel.hidden = false;
    look(false);
    ends = performance.now() + challenge.seconds * 1000;
    ticking = setInterval(tick, 250);
    tick();
    const mine = challenge;
    // read out as a whole, so that somebody who hears the page knows what to say before it records
    for (let left = COUNT; left; left -= 1) {
      say(status, `${words.words} ${challenge.phrase}. ${challenge.say} ${words.counting} ${left}`);
      await new Promise((done) => { setTimeout(done, 1000); });
      if (challenge !== mine) return;
    }
    const type = TYPES.find((name) => MediaRecorder.isTypeSupported(name));
    const pieces = [];
    machine = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: 1_500_000, audioBitsPerSecond: 64_000 });
    machine.ondataavailable = (event) => { if (event.data.size) pieces.push(event.data); };
    machine.onstop = () => {
      clearTimeout(stopping);
      clip = new Blob(pieces, { type: machine.mimeType.split(';')[0] });
      preview.src = URL.createObjectURL(clip);
      look(true);
      say(status, words.done);
      show('send', 'again', 'close');
      buttons.send.focus();
    };
    machine.start();
    say(status, words.recording);
    show('stop');
    buttons.stop.focus();
    stopping = setTimeout(() => { if (machine.state === 'recording') machine.stop(); }, LONGEST * 1000);
  }

  async function send() {
    if (!clip || clip.size > MOST) return;
    clearInterval(ticking);
    show();
    say(status, words.sending);
    try {
      const answer = await post(`${words.base}/clip`, clip, { 'Content-Type': clip.type, 'X-CSRF-Token': csrf, 'X-Clip-Challenge': challenge.token });
      const { next } = await answer.json();
      close();
      location.assign(next);
      if (new URL(next, location.href).pathname === location.pathname) location.reload();
    } catch (problem) {
      say(status, `${words.failed} ${problem.message}`);
      panel.hidden = true; // these words are over: there are new ones for each try
      show('again', 'close');
    }
  }

  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) { part('works').hidden = false; show(); say(status, words.noCamera); return; }
  part('works').hidden = false;
  buttons.open.addEventListener('click', open);
  buttons.record.addEventListener('click', record);
  buttons.again.addEventListener('click', record);
  buttons.stop.addEventListener('click', () => machine.stop());
  buttons.send.addEventListener('click', send);
  buttons.close.addEventListener('click', close);
  addEventListener('pagehide', close);
}

for (const box of document.querySelectorAll('[data-recorder]')) recorder(box);

// A moderator looks: the clip comes as the answer to a POST that leaves a trace, and lives in this page alone.
for (const form of document.querySelectorAll('[data-view]')) {
  const stage = form.querySelector('[data-view-stage]');
  const video = stage.querySelector('video');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      const answer = await post(form.action, new URLSearchParams({ csrf_token: token(form) }));
      if (video.src) URL.revokeObjectURL(video.src);
      video.src = URL.createObjectURL(await answer.blob());
      stage.hidden = false;
      video.focus();
      await video.play().catch(() => {});
    } catch (problem) {
      say(form.querySelector('[data-view-problem]'), `${form.dataset.failed} ${problem.message}`);
    }
  });
  addEventListener('pagehide', () => { if (video.src) URL.revokeObjectURL(video.src); });
}
