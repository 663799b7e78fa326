import { types } from './graphcache-types.js';
import { possibleTypes } from './possible-types.js';

const ROOTS = ['Query', 'Mutation', 'Subscription'];
const ANY = { kind: 'SCALAR', name: 'Any' }; // which type it is makes no difference to a cache
const embedded = () => null;

/** A field such as `tags!]`: its name, and how its value is wrapped, from within. */
function field(text) {
  const [name] = text.match(/^\w+/);
  const wrap = (ofType, mark) => ({ kind: mark === '!' ? 'NON_NULL' : 'LIST', ofType });
  return { name, type: [...text.slice(name.length)].reduce(wrap, ANY), args: [] };
}

function object([name, fields]) {
  return { kind: 'OBJECT', name, fields: fields.split(' ').map(field), interfaces: [] };
}

function union([name, members]) {
  const possibleTypes = members.map((member) => ({ kind: 'OBJECT', name: member }));
  return { kind: 'UNION', name, possibleTypes };
}

function options() {
  const [queryType, mutationType, subscriptionType] = ROOTS.map((name) => ({ name }));
  const objects = Object.entries(types);
  const withoutKey = objects.filter(
    ([name, fields]) => !ROOTS.includes(name) && !fields.split(' ').includes('id!'),
  );
  const all = [...objects.map(object), ...Object.entries(possibleTypes).map(union)];
  return {
    keys: Object.fromEntries(withoutKey.map(([name]) => [name, embedded])),
    schema: { __schema: { queryType, mutationType, subscriptionType, types: all } },
  };
}

export const graphcache = /* @__PURE__ */ options();
