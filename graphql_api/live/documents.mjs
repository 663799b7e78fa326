/** The GraphQL documents that the page sends, from the declarations of the tables. */

const MOST_LINKS = 5;

/** The document by which a table is followed. */
export function subscription({ field, type, entity, deletedKey, selection }) {
  return `subscription {
    ${field} {
      __typename
      ... on FeedState { status cursor }
      ... on ${type}Added { cursor ${entity} { ${selection} } }
      ... on ${type}Updated { cursor changedFields ${entity} { ${selection} } }
      ... on ${type}Deleted { cursor ${deletedKey} }
    }
  }`;
}

/** The document that reads one row with all that it has: `row`, by the variable `key`. */
export function wholeRow(table) {
  const { type, rowField, keyArgument, keyType, wholeSelection, hasProblems, links } = table;
  const linked = links.map(({ field, name, isList }) => {
    const most = isList ? `(limit: ${MOST_LINKS})` : '';
    return `linked_${field}: ${field}${most} { id ${name} }`;
  });
  const problems = hasProblems ? 'problems { path message }' : '';
  return `query ${type}($key: ${keyType}!) {
    row: ${rowField}(${keyArgument}: $key) { ${wholeSelection} ${problems} ${linked.join(' ')} }
  }`;
}

/** The document by which a person reads one row in GraphiQL. */
export function rowForPeople({ type, rowField, keyArgument, keyType, wholeSelection }) {
  return `query ${type}($${keyArgument}: ${keyType}!) {
  ${rowField}(${keyArgument}: $${keyArgument}) ${indented(`{ ${wholeSelection} }`)}
}`;
}

/** A selection with a field a line. */
function indented(selection) {
  let depth = 1;
  let text = '';
  for (const token of selection.split(/\s+/)) {
    if (token === '{') {
      depth += 1;
      text += `${text && ' '}{`;
    } else {
      if (token === '}') depth -= 1;
      text += `\n${'  '.repeat(depth)}${token}`;
    }
  }
  return text;
}

/** What the server is, and how its feeds are. */
export const SERVER = '{ server { version database scopes } }';
export const FEEDS = `{
  feeds { table status since problem documents unreadDocuments subscribers lastChangeAt }
}`;
