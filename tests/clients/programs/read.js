/**
 * What a WebSocket is sent while it follows a subscription, as text: in Node, and in browsers.
 *
 *     node programs/read.js WS OPTIONS    WS is "ws" or "built-in"; OPTIONS is JSON, see `read`
 *
 * Prints the promise's value as JSON.
 */

/**
 * Subscribes, and reads until a message holds a word.
 *
 * @returns The extensions that were agreed on, and all messages.
 */
export function read({ url, id, query, until, open = (...of) => new WebSocket(...of) }) {
  return new Promise((resolve, reject) => {
    const texts = [];
    const socket = open(url, 'graphql-transport-ws');
    const send = (message) => socket.send(JSON.stringify(message));
    socket.onopen = () => {
      // Long enough for every client to compress it.
      send({ type: 'connection_init', payload: { padding: ' '.repeat(5000) } });
      send({ id, type: 'subscribe', payload: { query } });
    };
    socket.onmessage = ({ data }) => {
      texts.push(data);
      if (data.includes(until)) {
        socket.onclose = () => resolve({ extensions: socket.extensions, texts });
        socket.close();
      }
    };
    socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`));
  });
}

if (globalThis.process) {
  const [kind, options] = process.argv.slice(2);
  const Socket = kind === 'ws' ? (await import('ws')).default : WebSocket;
  const open = (...of) => new Socket(...of);
  console.log(JSON.stringify(await read({ ...JSON.parse(options), open })));
}
