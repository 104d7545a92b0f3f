// DuckDB inside of this process, on one thread.
//   node duckdb.mjs insert --events FILE --folder DIR
//   node duckdb.mjs serve  --folder DIR --route R --text T --trace ID
// `insert` takes all lines in one statement and prints one line of JSON. `serve` answers the questions of events.mjs.
import fs from 'node:fs';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { columns, options, questions, serve as answerLines, stopwatch } from './events.mjs';

const given = options({ events: '', folder: '', route: '', text: '', trace: '' });
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
  console.log(JSON.stringify({ rows, bytes_per_event: fs.statSync(file).size / rows, ...used }));
}

async function serve() {
  const db = await DuckDBInstance.create(file, { threads: '1', access_mode: 'READ_ONLY' }), connection = await db.connect();
  const texts = questions({
    tenSeconds: '(epoch_ms("Timestamp") // 10000 * 10)',
    quantiles: at => `approx_quantile(duration_ms, [${at}])`,
    exactQuantiles: at => `quantile_cont(duration_ms, [${at}])`,
    distinct: column => `approx_count_distinct(${column})`,
    integer: expression => `${expression}::INTEGER`,
  }, given);
  await answerLines(texts, async text => {
    const rows = (await connection.runAndReadAll(text)).getRowObjectsJson();
    return () => rows;
  });
}

const verbs = { insert, serve };
if (!(process.argv[2] in verbs)) { console.error('insert or serve?'); process.exit(2); }
await verbs[process.argv[2]]();
process.exit(0);
