// Enhancements only: every page reads and works without this file.
const root = document.documentElement;
const calm = matchMedia('(prefers-reduced-motion: reduce)').matches
  || matchMedia('(prefers-reduced-data: reduce)').matches || navigator.connection?.saveData;

// Theme: as the device, light, dark, high contrast.
const themes = ['', 'light', 'dark', 'contrast'];
const words = ['as the device', 'light', 'dark', 'high contrast'];
function setTheme(name) {
  if (name) root.dataset.theme = name; else delete root.dataset.theme;
  for (const button of document.querySelectorAll('[data-theme-next]')) {
    button.setAttribute('aria-label', `Theme: ${words[themes.indexOf(name)]}`);
  }
}
let theme = localStorage.getItem('theme') ?? '';
setTheme(themes.includes(theme) ? theme : (theme = ''));

// Players on cards: play while they are seen, unless the person wants calm.
const toggle = (video) => { if (video) video.paused ? video.play().catch(() => {}) : video.pause(); };
for (const stage of document.querySelectorAll('.post .stage')) {
  const video = stage.querySelector('video');
  const button = stage.querySelector('[data-play]');
  const bar = stage.querySelector('progress');
  if (!video || !button || !bar) continue;
  const show = () => {
    button.setAttribute('aria-label', video.paused ? 'Play' : 'Pause');
    button.querySelector('use').setAttribute('href', video.paused ? '#i-play' : '#i-pause');
  };
  video.addEventListener('play', show);
  video.addEventListener('pause', show);
  video.addEventListener('timeupdate', () => { if (video.duration) bar.value = 100 * video.currentTime / video.duration; });
  if (!calm) {
    new IntersectionObserver(([entry]) => entry.intersectionRatio > 0.6 ? video.play().catch(() => {}) : video.pause(),
      { threshold: [0, 0.6, 1] }).observe(video);
  }
}

document.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  if ('themeNext' in button.dataset) {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    localStorage.setItem('theme', theme);
    setTheme(theme);
  } else if ('play' in button.dataset) {
    toggle(button.closest('.stage').querySelector('video'));
  } else if ('mute' in button.dataset) {
    const video = button.closest('.stage').querySelector('video');
    if (!video) return;
    video.muted = !video.muted;
    button.setAttribute('aria-label', video.muted ? 'Sound is off, turn on' : 'Sound is on, turn off');
  }
});

document.addEventListener('keydown', (event) => {
  if (event.target.closest('input, textarea, select, button, a, video') || event.ctrlKey || event.metaKey || event.altKey) return;
  const posts = [...document.querySelectorAll('.post')];
  if (!posts.length) return;
  const at = Math.max(0, posts.findIndex((post) => post.getBoundingClientRect().bottom > 100));
  const key = event.key.toLowerCase();
  if (key === 'j' || key === 'k') {
    posts[at + (key === 'j' ? 1 : -1)]?.scrollIntoView({ behavior: calm ? 'auto' : 'smooth' });
  } else if (key === ' ') {
    event.preventDefault();
    toggle(posts[at].querySelector('video'));
  }
});

// Files: say which one was chosen; let it be dropped.
for (const drop of document.querySelectorAll('.drop')) {
  const input = drop.querySelector('input[type=file]');
  const said = drop.querySelector('[data-chosen]');
  const tell = () => { if (said) said.textContent = input.files[0]?.name ?? ''; };
  input.addEventListener('change', tell);
  for (const type of ['dragover', 'dragleave', 'drop']) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.toggle('over-it', type === 'dragover');
      if (type === 'drop' && event.dataTransfer.files.length) { input.files = event.dataTransfer.files; tell(); }
    });
  }
}

// A video in the making: follow its progress; when it ends, the page shows what came of it. A screen reader hears a new stage,
// not every percent.
for (const job of document.querySelectorAll('[data-job]')) {
  const source = new EventSource(job.dataset.job);
  const shown = job.querySelector('[data-job-now]');
  const said = job.querySelector('[data-job-said]');
  source.addEventListener('progress', (event) => {
    const now = JSON.parse(event.data);
    if (now.over) { source.close(); location.reload(); return; }
    shown.innerHTML = now.html;
    if (said.textContent !== now.said) said.textContent = now.said;
  });
}

// The AI dial: say what the chosen stop does.
for (const stop of document.querySelectorAll('.dial input')) {
  stop.addEventListener('change', () => { document.querySelector('.dialsay').textContent = stop.dataset.say; });
}
