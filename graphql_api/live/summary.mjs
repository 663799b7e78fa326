/** What has changed lately, in a line that is also read out: so not more often than one can hear. */

const EVERY_MS = 10_000;
const AT_ONCE_MS = 1_000; // changes within this time are announced together

const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const KINDS = { added: 'new', updated: 'changed', deleted: 'deleted' };

/**
 * @param {Map<string, Record<string, number>>} counts of the changes of each kind, by the titles
 *   of the tables
 */
export function sentences(counts) {
  return [...counts]
    .map(([title, kinds]) => {
      const parts = Object.entries(kinds).map(([kind, number]) => `${number} ${KINDS[kind]}`);
      return `${title}: ${parts.join(', ')}.`;
    })
    .join(' ');
}

export class Summary {
  #element;
  #counts = new Map();
  #timer;
  #toldAt = -Infinity;

  /** @param {HTMLElement} element a live region */
  constructor(element) {
    this.#element = element;
  }

  /** @param {'added' | 'updated' | 'deleted'} kind */
  count(title, kind) {
    const kinds = this.#counts.get(title) ?? {};
    kinds[kind] = (kinds[kind] ?? 0) + 1;
    this.#counts.set(title, kinds);
    this.#timer ??= setTimeout(
      () => this.#tell(),
      Math.max(AT_ONCE_MS, this.#toldAt + EVERY_MS - Date.now()),
    );
  }

  #tell() {
    this.#element.textContent = `${timeOfDay.format(new Date())} – ${sentences(this.#counts)}`;
    this.#toldAt = Date.now();
    this.#timer = undefined;
    this.#counts = new Map();
  }
}
