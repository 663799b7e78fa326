import type { DocumentNode } from 'graphql';
import type {
  Identified,
  LiveList,
  LiveListOptions,
  RowOf,
  TypedDocument,
  UntypedDocument,
} from './index.js';

/**
 * A live list, by the Apollo Client of the page's ApolloProvider and its link for subscriptions.
 * The rows are the list's own: they are not written to the cache.
 *
 * @param document a subscription to the changes of a table, which selects `status` of FeedState,
 *   the row with its `id` of Added and Updated, the key of Deleted, and `cursor` of each
 */
export function useLiveList<Data, Variables>(
  document: DocumentNode & TypedDocument<Data, Variables>,
  options?: LiveListOptions<RowOf<Data>, NoInfer<Variables>>,
): LiveList<RowOf<Data>>;
export function useLiveList<Row extends Identified>(
  document: DocumentNode & UntypedDocument,
  options?: LiveListOptions<Row>,
): LiveList<Row>;
