import type { Exchange } from '@urql/core';
import type { DocumentNode } from 'graphql';
import type { Client } from 'graphql-ws';
import type {
  Identified,
  LiveList,
  LiveListOptions,
  RowOf,
  TypedDocument,
  UntypedDocument,
} from './index.js';

/**
 * A live list, by the urql client of the page's Provider and its subscriptionExchange.
 *
 * @param document a subscription to the changes of a table, which selects `status` of FeedState,
 *   the row with its `id` of Added and Updated, the key of Deleted, and `cursor` of each
 */
export function useLiveList<Data, Variables>(
  document: (DocumentNode | string) & TypedDocument<Data, Variables>,
  options?: LiveListOptions<RowOf<Data>, NoInfer<Variables>>,
): LiveList<RowOf<Data>>;
export function useLiveList<Row extends Identified>(
  document: (DocumentNode | string) & UntypedDocument,
  options?: LiveListOptions<Row>,
): LiveList<Row>;

/** urql's exchange for subscriptions, over graphql-ws. */
export function socketExchange(client: Pick<Client, 'subscribe'>): Exchange;
