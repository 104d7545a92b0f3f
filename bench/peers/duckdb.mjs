// DuckDB inside of this process.
//   node duckdb.mjs insert --events FILE --folder DIR
//   node duckdb.mjs query  --folder DIR
// On one thread, all lines in one statement. Prints one line of JSON.
import fs from 'node:fs';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { columns, options, questions, stopwatch, timed } from './events.mjs';

const given = options({ events: '', folder: '' });
const file = path.join(given.folder, 'events.duckdb');
const types = { time: 'TIMESTAMP_MS', label: 'VARCHAR', id: 'VARCHAR', text: 'VARCHAR', number: 'DOUBLE', integer: 'UINTEGER', flag: 'BOOLEAN' };

async function insert() {
  fs.rmSync(given.folder, { recursive: true, force: true });
  fs.mkdirSync(given.folder, { recursive: true });
  const db = await DuckDBInstance.create(file, { threads: '1' }), connection = await db.connect();
  const schema = Object.entries(columns).map(([name, kind]) => `'${name}': '${types[kind]}'`).join(', ');
  const watch = stopwatch();
  await connection.run(`CREATE TABLE events AS FROM read_json('${given.events}', format = 'newline_delimited', columns = {${schema}})`);
  await connection.run('CHECKPOINT');
  const used = watch();
  const rows = Number((await connection.runAndReadAll('SELECT count(*) AS n FROM events')).getRowObjectsJson()[0].n);
  connection.closeSync();
  db.closeSync();
  return { rows, bytes_per_event: fs.statSync(file).size / rows, ...used };
}

async function query() {
  const db = await DuckDBInstance.create(file, { threads: '1', access_mode: 'READ_ONLY' }), connection = await db.connect();
  const words = { tenSeconds: 'epoch_ms("Timestamp") // 10000', quantile: q => `approx_quantile(duration_ms, ${q})`, distinct: c => `approx_count_distinct(${c})` };
  const answers = {};
  for (const [name, text] of Object.entries(questions(words))) {
    answers[name] = await timed(async () => (await connection.runAndReadAll(text)).getRowObjectsJson());
  }
  return { ms: answers };
}

const verbs = { insert, query };
if (!(process.argv[2] in verbs)) { console.error('insert or query?'); process.exit(2); }
console.log(JSON.stringify(await verbs[process.argv[2]]()));
process.exit(0);
