/** Lines of cells as elements: texts, times, badges, bars and curves. */

import { make, makeSVG } from './dom.mjs';
import { absolute, relative, shortened } from './formats.mjs';

/** How much of a value is shown: a document may hold anything, of any length. */
const LONGEST = 300;
/** How many lines a cell has. */
const MOST = 2;
const CURVE = { width: 80, height: 16 };

/** @param {import('./looks.mjs').Line[]} lines */
export function drawLines(lines) {
  const shown = lines.length > MOST ? [lines[0], more(lines)] : lines;
  return shown.map((line) => drawLine(line, shown.length === 1));
}

/** What is not there for two cells that look the same. */
export const fingerprint = (lines) => JSON.stringify(lines);

function more(lines) {
  const rest = lines.slice(1);
  return {
    text: `and ${rest.length} more`,
    tone: rest.some(({ tone }) => tone === 'bad') ? 'bad' : 'quiet',
    title: rest.map(({ text }) => text).join('\n'),
  };
}

function drawLine({ text, tone, isBadge, time, part, curve, shares, title }, isAlone) {
  if (part !== undefined) return bar([{ share: part, tone: 'accent' }]);
  if (shares) return bar(shares);
  if (curve) return drawCurve(curve);
  if (time) return drawTime(time);
  const short = shortened(text, LONGEST);
  const line = make('span', { className: `line ${isAlone ? 'alone' : 'short'}`, textContent: short });
  if (tone) line.classList.add(tone);
  if (isBadge) line.classList.add('badge');
  if (title || text.length > 20) line.title = title ?? shortened(text, 1_000);
  return line;
}

/** A time as long ago as it is; `tickTimes` keeps it so. */
export function drawTime(time) {
  return make('time', {
    className: 'line short',
    dateTime: time,
    textContent: relative(time),
    title: absolute(time),
  });
}

/** Have all times on the page as long ago as they are now. */
export function tickTimes(now = Date.now()) {
  for (const element of document.querySelectorAll('time')) {
    const text = relative(element.dateTime, now);
    if (element.textContent !== text) element.textContent = text;
  }
}

/** It says nothing that the line above does not say. */
function bar(shares) {
  const parts = shares.map(({ share, tone }) => {
    const part = make('span', { className: `part ${tone}` });
    part.style.flexGrow = share;
    return part;
  });
  const rest = 1 - shares.reduce((sum, { share }) => sum + share, 0);
  if (rest > 0.001) {
    const part = make('span', { className: 'part' });
    part.style.flexGrow = rest;
    parts.push(part);
  }
  return make('span', { className: 'line bar', 'aria-hidden': 'true' }, ...parts);
}

/** A curve of numbers from 0 up, the newest at the right. */
export function drawCurve(values, { width, height } = CURVE) {
  const top = Math.max(...values) || 1;
  const step = width / Math.max(1, values.length - 1);
  const points = values.map((value, index) => {
    return `${(index * step).toFixed(1)},${(height - 1 - (value / top) * (height - 2)).toFixed(1)}`;
  });
  return makeSVG(
    'svg',
    {
      class: 'curve',
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    },
    makeSVG('polyline', { points: points.join(' ') }),
  );
}
