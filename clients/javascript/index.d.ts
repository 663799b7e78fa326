import type { Client, ClientOptions, ConnectionInitMessage } from 'graphql-ws';

/** How a table stands: the server's FeedStatus. */
export type FeedStatus = 'INITIALIZING' | 'READY' | 'STALE';

/** What every row has. */
export interface Identified {
  readonly id: string;
}

/** A list at some moment. */
export interface LiveList<Row> {
  /** The rows. They stay what they are until a new snapshot is complete. */
  readonly rows: readonly Row[];
  /**
   * INITIALIZING while a snapshot is read: there are no rows yet, or they are those before it.
   * READY when the rows are those of the table, STALE while the server has lost its database.
   */
  readonly status: FeedStatus;
  /** Why the list is live no longer. After an error that may pass it begins again by itself. */
  readonly error?: Error | undefined;
}

/** A list that is live while it has a subscriber: a readable store, as Svelte has it. */
export interface LiveListStore<Row> {
  /** The list as it is now. */
  readonly current: LiveList<Row>;
  /**
   * Call a function with the list, now and after each change, at most once for each frame.
   *
   * @returns ends that; the subscription ends with the last subscriber
   */
  subscribe(run: (list: LiveList<Row>) => void): () => void;
}

export interface LiveListOptions<Row, Variables = Record<string, unknown>> {
  /** The variables of the subscription. */
  variables?: Variables | undefined;
  /**
   * The field by which the rows are ordered, then by `id`; rows without a value come last. Without
   * it, rows are in the order in which they came.
   */
  orderBy?: (keyof Row & string) | undefined;
}

/** A document whose types are known: by graphql-codegen, gql.tada and others. */
export interface TypedDocument<Data, Variables> {
  __apiType?: (variables: Variables) => Data;
}

/** A document without types: its user says what a row is. */
export interface UntypedDocument {
  __apiType?: never;
}

/** The row in the events of a subscription, as it is selected there. */
export type RowOf<Data> = Data extends object ? RowOfEvent<Data[keyof Data]> : never;

type RowOfEvent<Event> = Event extends object
  ? { [Name in keyof Event]: Event[Name] extends Identified ? Event[Name] : never }[keyof Event]
  : never;

/**
 * A list that graphql-ws keeps live.
 *
 * @param query a subscription to the changes of a table, which selects `status` of FeedState, the
 *   row with its `id` of Added and Updated, the key of Deleted, and `cursor` of each
 */
export function liveList<Data, Variables>(
  client: Pick<Client, 'subscribe'>,
  query: (string | { toString(): string }) & TypedDocument<Data, Variables>,
  options?: LiveListOptions<RowOf<Data>, NoInfer<Variables>>,
): LiveListStore<RowOf<Data>>;
export function liveList<Row extends Identified>(
  client: Pick<Client, 'subscribe'>,
  query: (string | { toString(): string }) & UntypedDocument,
  options?: LiveListOptions<Row>,
): LiveListStore<Row>;

/** A list before its first event. */
export const emptyList: LiveList<never>;

/**
 * The list after an event of its subscription: a pure reducer, for those who receive the events
 * themselves.
 *
 * @returns the same object, if the event changes nothing
 * @throws the event holds neither a status nor a row with its `id` nor a key
 */
export function applyEvent<Row extends Identified>(
  list: LiveList<Row>,
  event: object,
  orderBy?: keyof Row & string,
): LiveList<Row>;

/**
 * Options for graphql-ws's createClient: it connects again for ever, and each subscription resumes
 * where it was. Select `cursor` in every member of the union; after an event without it a reconnect
 * is a snapshot.
 *
 * @param otherParams returns the rest of connection_init's payload, such as
 *   `{ authorization: 'Bearer …' }`; it is called for each connection
 * @param maxOperations how many cursors are kept
 */
export function resuming(
  otherParams?: () => ConnectionInitMessage['payload'] | Promise<ConnectionInitMessage['payload']>,
  maxOperations?: number,
): Pick<
  ClientOptions,
  'connectionParams' | 'on' | 'retryAttempts' | 'retryWait' | 'shouldRetry'
>;
