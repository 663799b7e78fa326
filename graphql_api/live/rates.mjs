/** How fast the items of jobs come, from the counts that arrive. */

/** How many rates of a job are kept. */
const KEPT = 30;

export class Rates {
  #jobs = new Map(); // by key: the last count with its time, and the rates up to it

  /**
   * @param {string} key of the job
   * @param {number | null} count
   * @param {Date} at when it was heard of
   */
  add(key, count, at) {
    if (count === null) return;
    const job = this.#jobs.get(key);
    if (!job || count < job.count) {
      this.#jobs.set(key, { count, at, rates: [] });
      return;
    }
    const seconds = (at - job.at) / 1000;
    if (count === job.count || seconds < 0.5) return; // the next change has it
    job.rates.push((count - job.count) / seconds);
    if (job.rates.length > KEPT) job.rates.shift();
    Object.assign(job, { count, at });
  }

  /** Items per second between the changes of the last time, the newest last. */
  of(key) {
    return this.#jobs.get(key)?.rates ?? [];
  }

  delete(key) {
    this.#jobs.delete(key);
  }
}
