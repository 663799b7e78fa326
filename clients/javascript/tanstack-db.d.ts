import type { CollectionConfig } from '@tanstack/db';
import type { Client } from 'graphql-ws';
import type { Identified, RowOf, TypedDocument, UntypedDocument } from './index.js';

interface Subscription<Document, Variables> {
  /** The graphql-ws client. */
  client: Pick<Client, 'subscribe'>;
  /**
   * A subscription to the changes of a table, which selects `status` of FeedState, the row with its
   * `id` of Added and Updated, the key of Deleted, and `cursor` of each.
   */
  query: (string | { toString(): string }) & Document;
  /** The variables of the subscription. */
  variables?: Variables | undefined;
}

type Others<Row extends object> = Omit<CollectionConfig<Row, string>, 'sync' | 'getKey'>;

/**
 * Options for TanStack DB's createCollection: a collection that holds the rows of a table. The
 * collection applies a snapshot in one transaction, when it is complete.
 *
 * @param options the subscription, and any other option of a collection, such as `onUpdate`
 */
export function liveCollectionOptions<Data, Variables>(
  options: Subscription<TypedDocument<Data, Variables>, NoInfer<Variables>> &
    Others<RowOf<Data> & object>,
): CollectionConfig<RowOf<Data> & object, string>;
export function liveCollectionOptions<Row extends Identified>(
  options: Subscription<UntypedDocument, Record<string, unknown>> & Others<Row>,
): CollectionConfig<Row, string>;
