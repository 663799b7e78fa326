// Uses every part of the JavaScript driver that the benchmark needs, against the server at
// HOST PORT PASSWORD, in a database of its own. Prints the name of each check that passed.

import assert from "node:assert/strict";
import r from "rethinkdb";

const [host, port, password] = process.argv.slice(2);
const options = { host, port: Number(port), user: "admin", password, db: "js" };

const checks = {
  async "a wrong password is refused"() {
    await assert.rejects(r.connect({ ...options, password: "not it" }), {
      name: "ReqlAuthError",
      message: /Wrong password/,
    });
  },

  async "server names itself"({ connection }) {
    const server = await connection.server();
    assert.equal(server.proxy, false);
    assert.match(server.id, /^[0-9a-f-]{36}$/);
  },

  async "documents are inserted, read, updated, replaced and deleted"({ connection, table }) {
    const inserted = await table
      .insert([{ id: "a", n: 1 }, { id: "b", n: 2 }, { n: 3 }], { returnChanges: true })
      .run(connection);
    assert.equal(inserted.inserted, 3);
    assert.equal(inserted.generated_keys.length, 1);
    assert.equal(inserted.changes.length, 3);
    assert.deepEqual(await table.get("a").run(connection), { id: "a", n: 1 });
    assert.equal(await table.get("nobody").run(connection), null);
    const updated = await table.get("a").update({ n: r.row("n").add(1) }).run(connection);
    assert.equal(updated.replaced, 1);
    assert.equal((await table.get("a").replace({ id: "a", m: 1 }).run(connection)).replaced, 1);
    assert.equal(await table.filter(r.row("n").gt(1)).count().run(connection), 2);
    assert.equal((await table.get("b").delete().run(connection)).deleted, 1);
  },

  async "cursors read several batches, and can be closed early"({ connection, table }) {
    const rows = Array.from({ length: 2500 }, (_, n) => ({ id: n }));
    await table.insert(rows).run(connection);
    const cursor = await table.run(connection, { maxBatchRows: 100 });
    const ids = (await cursor.toArray()).map((row) => row.id);
    assert.deepEqual(ids.toSorted((a, b) => a - b), rows.map((row) => row.id));
    const other = await table.run(connection, { maxBatchRows: 10 });
    await other.next();
    await other.close();
    const sorted = await table.orderBy({ index: r.desc("id") }).limit(2).run(connection);
    assert.deepEqual(await sorted.toArray(), [{ id: 2499 }, { id: 2498 }]);
  },

  async "times and binaries keep their values"({ connection, table }) {
    const time = new Date("2026-01-02T03:04:05.678Z");
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
    await table.insert({ id: "t", time, bytes }).run(connection);
    const found = await table.get("t").run(connection);
    assert.equal(found.time.getTime(), time.getTime());
    assert.deepEqual(found.bytes, bytes);
    assert.ok((await r.now().run(connection)) instanceof Date);
  },

  async "errors have the driver's types"({ connection, table }) {
    const expectations = [
      [r.table("missing").count(), "ReqlOpFailedError", /Table `js\.missing` does not exist/],
      [table.get("nobody")("field"), "ReqlNonExistenceError", /non-object non-sequence `null`/],
      [r.expr(1).add("a"), "ReqlQueryLogicError", /Expected type NUMBER but found STRING/],
      [r.error("boom"), "ReqlUserError", /boom/],
      [r.js("1"), "ReqlServerCompileError", /Unrecognized TermType: 11/],
    ];
    for (const [query, name, message] of expectations) {
      await assert.rejects(query.run(connection), { name, message });
    }
  },

  async "noreply writes are done after noreplyWait"({ connection, table }) {
    for (let n = 0; n < 10; n += 1) {
      table.insert({ id: `noreply ${n}` }).run(connection, { noreply: true });
    }
    await connection.noreplyWait();
    assert.equal(await table.count().run(connection), 10);
  },

  async "a changefeed tells initial values, states and changes"({ connection, table }) {
    await table.insert({ id: "a", n: 1 }).run(connection);
    const reader = await r.connect(options);
    const feed = await table
      .changes({ includeInitial: true, includeStates: true, includeTypes: true })
      .run(reader);
    assert.deepEqual(await feed.next(), { state: "initializing", type: "state" });
    assert.deepEqual(await feed.next(), { new_val: { id: "a", n: 1 }, type: "initial" });
    assert.deepEqual(await feed.next(), { state: "ready", type: "state" });
    await table.get("a").update({ n: 2 }).run(connection);
    assert.deepEqual(await feed.next(), {
      new_val: { id: "a", n: 2 },
      old_val: { id: "a", n: 1 },
      type: "change",
    });
    await feed.close();
    assert.equal(await table.count().run(reader), 1);
    await reader.close();
  },

  async "a changefeed of a dropped table ends with an error"({ connection, table }) {
    const reader = await r.connect(options);
    const feed = await table.changes().run(reader);
    const aborted = { name: "ReqlOpFailedError", message: /Changefeed aborted/ };
    const rejected = assert.rejects(feed.next(), aborted);
    await r.tableDrop("t").run(connection);
    await rejected;
    await reader.close({ noreplyWait: false });
    await r.tableCreate("t").run(connection);
  },
};

const connection = await r.connect(options);
await r.dbCreate("js").run(connection);
await r.tableCreate("t").run(connection);
for (const [name, check] of Object.entries(checks)) {
  await r.table("t").delete().run(connection);
  await check({ connection, table: r.table("t") });
  console.log(name);
}
await connection.close();
// After a refused connection the driver's own timer would keep the process alive, and then fail it.
process.exit(0);
