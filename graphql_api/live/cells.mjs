/** Lines of cells as elements: texts, times, badges, bars and curves. */

import { make, makeSVG, setText } from './dom.mjs';
import { absolute, relative, shortened } from './formats.mjs';

/** How much of a value is shown: a document may hold anything, of any length. */
const LONGEST = 300;
/** How many lines a cell has. */
const MOST = 2;
const CURVE = { width: 80, height: 16 };

/** @param {import('./looks.mjs').Line[]} lines */
export function drawLines(lines) {
  const shown = shownOf(lines);
  return shown.map((line) => drawLine(line, shown.length === 1));
}

/**
 * Have these lines in a cell. Its elements stay as far as they fit, and get other texts: rows that
 * are scrolled through cost less than half of what new elements would.
 *
 * @param {HTMLElement} cell
 * @param {import('./looks.mjs').Line[]} lines
 */
export function fillLines(cell, lines) {
  const shown = shownOf(lines);
  while (cell.childElementCount > shown.length) cell.lastElementChild.remove();
  let there = cell.firstElementChild;
  for (const line of shown) {
    const next = there?.nextElementSibling;
    const drawn = drawLine(line, shown.length === 1, there);
    if (!there) cell.append(drawn);
    else if (there !== drawn) there.replaceWith(drawn);
    there = next;
  }
}

/** What is not there for two cells that look the same. */
export const fingerprint = (lines) => JSON.stringify(lines);

const shownOf = (lines) => (lines.length > MOST ? [lines[0], more(lines)] : lines);

function more(lines) {
  const rest = lines.slice(1);
  return {
    text: `and ${rest.length} more`,
    tone: rest.some(({ tone }) => tone === 'bad') ? 'bad' : 'quiet',
    title: rest.map(({ text }) => text).join('\n'),
  };
}

/** @param {Element | null} [there] is taken, if it is of the kind that is needed */
function drawLine({ text, tone, isBadge, time, part, curve, shares, title }, isAlone, there) {
  if (part !== undefined) return bar([{ share: part, tone: 'accent' }]);
  if (shares) return bar(shares);
  if (curve) return drawCurve(curve);
  if (time) return drawTime(time, there);
  const isText = there?.localName === 'span' && !there.firstElementChild;
  const line = isText ? there : make('span');
  const names = ['line', isAlone ? 'alone' : 'short', tone, isBadge && 'badge'].filter(Boolean).join(' ');
  if (line.className !== names) line.className = names;
  setText(line, shortened(text, LONGEST));
  setTitle(line, title ?? (text.length > 20 ? shortened(text, 1_000) : ''));
  return line;
}

/**
 * A time as long ago as it is; `tickTimes` keeps it so.
 *
 * @param {string} time
 * @param {Element | null} [there] is taken, if it shows a time
 */
export function drawTime(time, there) {
  const element = there?.localName === 'time' ? there : make('time', { className: 'line short' });
  if (element.dateTime !== time) {
    element.dateTime = time;
    setTitle(element, absolute(time));
  }
  setText(element, relative(time));
  return element;
}

function setTitle(element, title) {
  if (element.title !== title) element.title = title;
}

/** Have all times on the page as long ago as they are now. */
export function tickTimes(now = Date.now()) {
  for (const element of document.querySelectorAll('time')) {
    setText(element, relative(element.dateTime, now));
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
