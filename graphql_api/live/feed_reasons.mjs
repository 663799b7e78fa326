/** Why tables are not ready, asked of the server for as long as any is not. */

/** How long after an answer the server is asked again. */
const EVERY_MS = 2_000;
const QUERY = '{ feeds { table problem } }';

export class FeedReasons {
  #url;
  #token;
  #tell;
  #isWanted = false;
  #isAsking = false;

  /**
   * @param {URL} url of GraphQL over HTTP
   * @param {() => string | null} token
   * @param {(reasons: Map<string, string | null>) => void} tell is called with each answer: the
   *   problems by the names of the tables in the database
   */
  constructor(url, token, tell) {
    this.#url = url;
    this.#token = token;
    this.#tell = tell;
  }

  /** @param {boolean} isWanted whether any table is not ready */
  want(isWanted) {
    this.#isWanted = isWanted;
    if (isWanted && !this.#isAsking) this.#ask();
  }

  async #ask() {
    this.#isAsking = true;
    while (this.#isWanted) {
      try {
        const answer = await fetch(this.#url, { method: 'POST', ...this.#request() });
        const feeds = (await answer.json()).data?.feeds ?? [];
        this.#tell(new Map(feeds.map(({ table, problem }) => [table, problem])));
      } catch {
        // The connection says it, too; what is known of the tables stays.
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    this.#isAsking = false;
  }

  #request() {
    const token = this.#token();
    return {
      headers: {
        'content-type': 'application/json',
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query: QUERY }),
    };
  }
}
