// A seek bar that shows what is where, for videos with a storyboard, and a choice of sizes. Without this file the browser's own controls do.
const clock = (seconds) => {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
};

function seekBar(video) {
  const [width, height, columns, count, interval] = video.dataset.strip.split(' ').map(Number);
  const box = document.createElement('div');
  const peek = document.createElement('canvas');
  const said = document.createElement('output');
  const bar = document.createElement('input');
  box.className = 'seek';
  [peek.width, peek.height, peek.hidden] = [width, height, true];
  peek.setAttribute('aria-hidden', 'true');
  Object.assign(bar, { type: 'range', min: 0, max: count * interval, value: 0 });
  bar.step = Math.max(1, Math.round(count * interval / 100));
  bar.setAttribute('aria-label', video.dataset.seek);
  said.className = 'sm mono';
  box.append(peek, bar, said);
  video.closest('.stage').after(box);

  let strip = null;
  let wanted = 0;
  const draw = () => {
    if (!strip?.complete || !strip.naturalWidth) return;
    const number = Math.min(count - 1, Math.floor(wanted / interval));
    peek.getContext('2d').drawImage(strip, (number % columns) * width, Math.floor(number / columns) * height, width, height,
      0, 0, width, height);
    peek.hidden = false;
  };
  const show = (seconds) => {
    if (!strip) { strip = new Image(); strip.addEventListener('load', draw); strip.src = video.dataset.storyboard; }
    wanted = Math.min(Math.max(seconds, 0), video.duration || count * interval);
    box.style.setProperty('--at', wanted / (video.duration || count * interval)); // by script, which the policy lets pass
    said.textContent = `${clock(wanted)} / ${clock(video.duration || count * interval)}`;
    bar.setAttribute('aria-valuetext', said.textContent);
    draw();
  };
  const hide = () => { peek.hidden = true; };
  bar.addEventListener('pointermove', (event) => {
    const place = bar.getBoundingClientRect();
    const share = (event.clientX - place.left) / place.width;
    show((getComputedStyle(bar).direction === 'rtl' ? 1 - share : share) * (video.duration || count * interval));
  });
  bar.addEventListener('input', () => { show(Number(bar.value)); video.currentTime = wanted; });
  bar.addEventListener('pointerleave', hide);
  bar.addEventListener('blur', hide);
  video.addEventListener('loadedmetadata', () => { bar.max = Math.floor(video.duration); });
  video.addEventListener('timeupdate', () => { if (document.activeElement !== bar || peek.hidden) bar.value = video.currentTime; });
}

function sizes(video) {
  const sources = [...video.querySelectorAll('source')].filter((source) => video.canPlayType(source.type));
  if (sources.length < 2) return;
  const label = document.createElement('label');
  const choice = document.createElement('select');
  [label.className, choice.className] = ['sizes sm', 'in'];
  for (const source of sources) {
    choice.add(new Option(source.dataset.lines ? `${source.dataset.lines}p` : video.dataset.any, source.src));
  }
  label.append(video.dataset.size, choice);
  video.closest('.stage').after(label);
  choice.addEventListener('change', () => {
    const [moment, playing] = [video.currentTime, !video.paused];
    video.addEventListener('loadedmetadata', () => {
      video.currentTime = moment;
      if (playing) video.play();
    }, { once: true });
    video.src = choice.value;
    video.load();
  });
}

for (const video of document.querySelectorAll('video[data-size]')) sizes(video); // first: the seek bar comes between
for (const video of document.querySelectorAll('video[data-storyboard]')) seekBar(video);

// On cards words lie over the lower third: captions stand above them.
const LOADED = 2; // HTMLTrackElement.LOADED
for (const track of document.querySelectorAll('.post .stage track')) {
  const lift = () => {
    for (const cue of track.track.cues ?? []) {
      if (cue.line === 'auto') { cue.snapToLines = false; cue.line = 60; }
    }
  };
  if (track.readyState === LOADED) lift(); else track.addEventListener('load', lift);
}
