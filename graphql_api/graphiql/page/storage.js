/**
 * The part of localStorage whose keys begin with a prefix.
 *
 * GraphiQL's keys are the same wherever it runs. Under them this page would find the tabs that
 * another program's GraphiQL at the same address has left, or its own forerunner from the CDN, and
 * show those instead of the ready-made ones.
 *
 * @param {string} prefix
 */
export function ownStorage(prefix) {
  const own = () => Object.keys(localStorage).filter((key) => key.startsWith(prefix));
  return {
    getItem: (key) => localStorage.getItem(prefix + key),
    setItem: (key, value) => localStorage.setItem(prefix + key, value),
    removeItem: (key) => localStorage.removeItem(prefix + key),
    clear: () => own().forEach((key) => localStorage.removeItem(key)),
    get length() {
      return own().length;
    },
  };
}
