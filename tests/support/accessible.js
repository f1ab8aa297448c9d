// What a page must not lack for people who cannot see, point or read small print. Gives a list of sentences.
() => {
  const faults = [];
  const seen = (el) => { const box = el.getBoundingClientRect();
    return el.checkVisibility({ visibilityProperty: true }) && box.width > 1 && box.height > 1 && !el.closest('.vh'); };
  const where = (el) => `<${el.tagName.toLowerCase()}${el.id ? ' #' + el.id : ''}${el.getAttribute('name') ? ' name=' + el.getAttribute('name') : ''}> ${(el.textContent || '').trim().slice(0, 40)}`;
  const named = (el) => (el.getAttribute('aria-label') || '').trim()
    || (el.getAttribute('aria-labelledby') || '').split(' ').map((id) => document.getElementById(id)?.textContent || '').join('').trim()
    || [...(el.labels || [])].map((label) => label.textContent).join('').trim() || (el.textContent || '').trim();
  // 1.1.1, 1.3.1, 4.1.2: everything has a name, every reference a target
  for (const el of document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a[href], progress, summary')) {
    if (!named(el)) faults.push(`no name: ${where(el)}`);
  }
  for (const el of document.querySelectorAll('img:not([alt])')) faults.push(`no alternative text: ${where(el)}`);
  for (const name of ['aria-labelledby', 'aria-describedby', 'for']) {
    for (const el of document.querySelectorAll(`[${name}]`)) {
      for (const id of el.getAttribute(name).split(/\s+/)) if (!document.getElementById(id)) faults.push(`${name}=${id} leads nowhere`);
    }
  }
  const ids = [...document.querySelectorAll('[id]')].map((el) => el.id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) faults.push(`two elements have the id ${id}`);
  for (const el of document.querySelectorAll('fieldset')) if (!el.querySelector('legend')) faults.push(`a group without legend: ${where(el)}`);
  // 1.3.1, 2.4.6: one h1, no level left out, one main, lists hold items
  const levels = [...document.querySelectorAll('h1, h2, h3, h4')].map((el) => +el.tagName[1]);
  if (levels.filter((level) => level === 1).length !== 1) faults.push('not exactly one h1');
  levels.forEach((level, at) => { if (at && level > levels[at - 1] + 1) faults.push(`h${levels[at - 1]} is followed by h${level}`); });
  if (document.querySelectorAll('main').length !== 1) faults.push('not exactly one main');
  for (const el of document.querySelectorAll('ul > :not(li), ol > :not(li), dl > :not(div, dt, dd)')) faults.push(`not an item: ${where(el)}`);
  if (!document.documentElement.lang) faults.push('no language');
  // 1.4.10: no scrolling sideways; 2.5.8: targets of 24 pixels
  if (document.documentElement.scrollWidth > innerWidth) faults.push(`${document.documentElement.scrollWidth} px wide on ${innerWidth}`);
  for (const el of document.querySelectorAll('button, select, .btn, .seg label, summary')) {
    const box = el.getBoundingClientRect();
    if (seen(el) && (box.width < 24 || box.height < 24)) faults.push(`a target of ${box.width} × ${box.height}: ${where(el)}`);
  }
  // 1.4.3: contrast of text, where it stands on a plain colour
  const rgb = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
  const ground = (el) => { for (let at = el; at; at = at.parentElement) { const style = getComputedStyle(at);
    if (style.backgroundImage !== 'none') return null; const colour = rgb(style.backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour; if (colour[3] > 0) return null; } return [255, 255, 255]; };
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const el = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !seen(el) || el.closest('.stage, [disabled], noscript, .off')) continue;
    const under = ground(el), over = rgb(getComputedStyle(el).color);
    if (!under || (over.length === 4 && over[3] < 1)) continue;
    const [a, b] = [light(under), light(over)].sort((x, y) => y - x), size = parseFloat(getComputedStyle(el).fontSize);
    if ((a + .05) / (b + .05) < (size >= 24 ? 3 : 4.5)) faults.push(`contrast ${((a + .05) / (b + .05)).toFixed(2)}: ${where(el)}`);
  }
  // what is printed over something else
  const boxes = [...document.querySelectorAll('main :is(button, .btn, input:not([type=hidden], [type=radio], [type=checkbox]), select, textarea)')].filter(seen)
    .map((el) => [el, el.getBoundingClientRect()]);
  boxes.forEach(([el, a], at) => boxes.slice(at + 1).forEach(([other, b]) => {
    if (!el.contains(other) && !other.contains(el) && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1) faults.push(`${where(el)} lies over ${where(other)}`); }));
  return faults;
}
