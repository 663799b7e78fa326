/** What has come and is not applied yet. Thousands of rows are applied in parts of a few
 * milliseconds, so that the page answers between them. */

/** How long one part takes at most. */
export const PART_MS = 8;

export class Inbox {
  #apply;
  #applied;
  #isHidden;
  #clock;
  #later;
  #items = [];
  #next = 0; // the index of the first item that is not applied
  #isScheduled = false;

  /**
   * @param {(item: any) => void} apply one item; all are applied in the order in which they came
   * @param {() => void} applied is called after each part
   * @param {object} [options]
   * @param {() => boolean} [options.isHidden] whether the page is; its timers are slow then, and
   *   no one waits for it: all is applied at once
   * @param {() => number} [options.clock] milliseconds
   * @param {(act: () => void) => void} [options.later] runs another task after those that wait
   */
  constructor(apply, applied, options = {}) {
    this.#apply = apply;
    this.#applied = applied;
    this.#isHidden = options.isHidden ?? (() => document.hidden);
    this.#clock = options.clock ?? (() => performance.now());
    this.#later = options.later ?? ((act) => setTimeout(act));
  }

  put(item) {
    this.#items.push(item);
    if (this.#isHidden()) this.#applyPart(Infinity);
    else this.#schedule();
  }

  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#later(() => {
      this.#isScheduled = false;
      this.#applyPart(this.#isHidden() ? Infinity : PART_MS);
    });
  }

  #applyPart(limitMs) {
    const until = this.#clock() + limitMs;
    const items = this.#items;
    while (this.#next < items.length) {
      this.#apply(items[this.#next++]);
      if (this.#clock() >= until) break;
    }
    if (this.#next < items.length) {
      this.#schedule();
    } else {
      this.#items = [];
      this.#next = 0;
    }
    this.#applied();
  }
}
