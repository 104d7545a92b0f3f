// ClickHouse inside of this process.
//   node chdb.mjs insert --events FILE --folder DIR [--batch 10000] [--codec ZSTD(1)]
//   node chdb.mjs query  --folder DIR
// On one thread. `insert` takes the lines in batches, an INSERT each, as a consumer of a stream would. Prints one line of JSON.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { columns, options, questions, stopwatch, timed } from './events.mjs';

const { Session } = createRequire(import.meta.url)('chdb');
const given = options({ events: '', folder: '', batch: '10000', codec: 'ZSTD(1)' });
const types = { time: `DateTime64(3, 'UTC')`, label: 'LowCardinality(String)', id: 'String', text: 'String', number: 'Float64', integer: 'UInt32', flag: 'Bool' };
const structure = Object.entries(columns).map(([name, kind]) => `\`${name}\` ${types[kind]}`);
const oneThread = 'max_threads = 1, max_insert_threads = 1, max_parsing_threads = 1, input_format_parallel_parsing = 0';

// Cuts the file at line ends beforehand, so that only inserting is measured.
function cut(file, lines, folder) {
  fs.mkdirSync(folder, { recursive: true });
  const pieces = [], input = fs.openSync(file, 'r'), buffer = Buffer.alloc(1 << 24);
  let output = null, written = 0, read;
  const close = () => { if (output !== null) { fs.closeSync(output); output = null; written = 0; } };
  while ((read = fs.readSync(input, buffer)) > 0) {
    for (let from = 0; from < read;) {
      if (output === null) {
        pieces.push(path.join(folder, `${String(pieces.length).padStart(6, '0')}.ndjson`));
        output = fs.openSync(pieces.at(-1), 'w');
      }
      let to = from;
      while (to < read && written < lines) {
        const end = buffer.indexOf(10, to);
        if (end < 0 || end >= read) { to = read; break; }
        to = end + 1;
        written++;
      }
      fs.writeSync(output, buffer, from, to - from);
      from = to;
      if (written === lines) close();
    }
  }
  close();
  fs.closeSync(input);
  return pieces;
}

function insert() {
  fs.rmSync(given.folder, { recursive: true, force: true });
  const pieces = cut(given.events, +given.batch, path.join(given.folder, 'pieces'));
  const session = new Session(path.join(given.folder, 'db'));
  session.query('CREATE DATABASE bench');
  session.query(`CREATE TABLE bench.events (${structure.map(c => c.includes('DateTime64') ? `${c} CODEC(Delta, ${given.codec})` : `${c} CODEC(${given.codec})`).join(', ')},
    INDEX by_trace "trace.trace_id" TYPE bloom_filter(0.001) GRANULARITY 1)
    ENGINE = MergeTree ORDER BY ("service.name", name, "Timestamp")`);
  const watch = stopwatch();
  for (const piece of pieces) {
    session.query(`INSERT INTO bench.events SELECT * FROM file('${piece}', JSONEachRow, '${structure.join(', ').replaceAll(`'`, `\\'`)}')
      SETTINGS date_time_input_format = 'best_effort', ${oneThread}`);
  }
  const used = watch();
  const rows = +session.query('SELECT count() FROM bench.events', 'TSV');
  const bytes = +session.query(`SELECT sum(bytes_on_disk) FROM system.parts WHERE database = 'bench' AND active`, 'TSV');
  session.close();
  fs.rmSync(path.join(given.folder, 'pieces'), { recursive: true });
  return { rows, bytes_per_event: bytes / rows, ...used };
}

async function query() {
  const session = new Session(path.join(given.folder, 'db'));
  session.query('USE bench');
  const words = { tenSeconds: 'toStartOfInterval(`Timestamp`, INTERVAL 10 SECOND)', quantile: q => `quantile(${q})(duration_ms)`, distinct: c => `uniq(${c})` };
  const answers = {};
  for (const [name, text] of Object.entries(questions(words))) {
    const sql = `${text.replace('FROM events', 'FROM bench.events')} SETTINGS max_threads = 1, use_query_condition_cache = 0`;
    answers[name] = await timed(() => session.query(sql, 'JSONEachRow'));
  }
  session.close();
  return { ms: answers };
}

const verbs = { insert, query };
if (!(process.argv[2] in verbs)) { console.error('insert or query?'); process.exit(2); }
console.log(JSON.stringify(await verbs[process.argv[2]]()));
process.exit(0);
