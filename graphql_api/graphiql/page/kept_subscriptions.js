/**
 * Subscriptions that live on while another tab is in view.
 *
 * GraphiQL ends what runs when another tab is chosen. This class stands between it and the
 * subscriptions: one that is ended so goes on unseen, and is shown again, with what has come
 * since then, when its tab is chosen again. It ends with its tab, and when its user ends it.
 */
export class KeptSubscriptions {
  /** Runs what the tab in view holds, as its button does; set by the page. */
  run = () => {};

  #running = new Map(); // by the ids of tabs
  #active = null; // the id of the tab in view

  /** To be called whenever GraphiQL's tabs have changed. */
  tabsHaveChanged({ tabs, activeTabIndex }) {
    const ids = new Set(tabs.map(({ id }) => id));
    for (const [id, { end }] of this.#running) {
      if (ids.has(id)) continue;
      this.#running.delete(id);
      end();
    }
    const { id } = tabs[activeTabIndex];
    if (id === this.#active) return;
    this.#active = id;
    if (this.#running.has(id)) setTimeout(() => this.#active === id && this.run());
  }

  /**
   * An observable like the given one that goes on while its tab is not in view.
   *
   * @param {string} text of the request: another one is another subscription
   * @param {{subscribe: (observer: object) => {unsubscribe: () => void}}} observable
   */
  keep(text, observable) {
    return { subscribe: (observer) => this.#attach(text, observable, observer) };
  }

  #attach(text, observable, observer) {
    const tab = this.#active;
    let kept = this.#running.get(tab);
    if (kept && kept.text !== text) {
      kept.end();
      kept = undefined;
    }
    if (kept) {
      kept.observer = observer;
      if (kept.last) observer.next(kept.last);
      if (kept.isOver) this.#complete(tab, kept);
    } else {
      kept = this.#start(tab, text, observable, observer);
    }
    return { unsubscribe: () => this.#leave(tab, kept) };
  }

  #start(tab, text, observable, observer) {
    const kept = { text, observer, last: null, isOver: false, end: () => {} };
    this.#running.set(tab, kept);
    const { unsubscribe } = observable.subscribe({
      next: (result) => {
        kept.last = result;
        kept.observer?.next(result);
      },
      complete: () => {
        kept.isOver = true;
        if (kept.observer) this.#complete(tab, kept);
      },
    });
    kept.end = unsubscribe;
    return kept;
  }

  /** The tab shows the end when it is in view: then its button starts it again. */
  #complete(tab, kept) {
    if (this.#running.get(tab) === kept) this.#running.delete(tab);
    kept.observer.complete();
  }

  /** GraphiQL says only afterwards whether another tab was chosen. */
  #leave(tab, kept) {
    kept.observer = null;
    setTimeout(() => {
      if (this.#active !== tab || kept.observer) return;
      if (this.#running.get(tab) === kept) this.#running.delete(tab);
      kept.end();
    });
  }
}
