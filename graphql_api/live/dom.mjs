/** Elements made, and texts set. Nothing here makes markup or code of a text. */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {string} tag
 * @param {object} properties of the element; `dataset` and names with a dash are attributes
 * @param {(Node | string)[]} children
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'dataset') Object.assign(element.dataset, value);
    else if (name.includes('-') || name === 'role') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** An SVG element with attributes. */
export function makeSVG(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * Have a text in an element. One that is the same is left: a screen reader would read it out again.
 * Another one is put into the node that is there: a new node would cost the browser more.
 */
export function setText(element, text) {
  const { firstChild } = element;
  if (!text || !(firstChild instanceof Text) || firstChild.nextSibling) {
    if (element.textContent !== text) element.textContent = text;
  } else if (firstChild.data !== text) {
    firstChild.data = text;
  }
}

export const byId = (id) => document.getElementById(id);

/** Whether a key that is pressed belongs to a field in which one types. */
export const isTyping = ({ target }) => target.closest?.('input, select, textarea') !== null;
