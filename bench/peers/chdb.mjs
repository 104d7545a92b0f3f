// ClickHouse inside of this process, on one thread.
//   node chdb.mjs insert --events FILE --folder DIR [--batch 10000] [--codec ZSTD(1)]
//   node chdb.mjs serve  --folder DIR --route R --text T --trace ID
// `insert` takes the lines in batches, an INSERT each, as a consumer of a stream would (0: all in one, then merged into one part), and prints
// one line of JSON. `serve` answers the questions of events.mjs.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { columns, options, questions, serve as answerLines, stopwatch } from './events.mjs';

const { Session } = createRequire(import.meta.url)('chdb');
const given = options({ events: '', folder: '', batch: '10000', codec: 'ZSTD(1)', route: '', text: '', trace: '' });
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
  const batched = +given.batch > 0, cuts = path.join(given.folder, 'pieces');
  const pieces = batched ? cut(given.events, +given.batch, cuts) : [given.events];
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
  if (!batched) session.query('OPTIMIZE TABLE bench.events FINAL');
  const rows = +session.query('SELECT count() FROM bench.events', 'TSV');
  const bytes = +session.query(`SELECT sum(bytes_on_disk) FROM system.parts WHERE database = 'bench' AND active`, 'TSV');
  session.close();
  fs.rmSync(cuts, { recursive: true, force: true });
  console.log(JSON.stringify({ rows, bytes_per_event: bytes / rows, ...used }));
}

async function serve() {
  const session = new Session(path.join(given.folder, 'db'));
  const texts = questions({
    tenSeconds: 'toUnixTimestamp(toStartOfInterval("Timestamp", INTERVAL 10 SECOND))',
    quantiles: at => `quantiles(${at})(duration_ms)`,
    exactQuantiles: at => `quantilesExactInclusive(${at})(duration_ms)`,
    distinct: column => `uniq(${column})`,
    integer: expression => `toInt32(${expression})`,
  }, given);
  await answerLines(texts, text => {
    const sql = `${text.replace('FROM events', 'FROM bench.events')} SETTINGS max_threads = 1, use_query_condition_cache = 0, use_uncompressed_cache = 0`;
    const answer = session.query(sql, 'JSONEachRow');
    return () => answer.trim() === '' ? [] : answer.trim().split('\n').map(JSON.parse);
  });
  session.close();
}

const verbs = { insert, serve };
if (!(process.argv[2] in verbs)) { console.error('insert or serve?'); process.exit(2); }
await verbs[process.argv[2]]();
process.exit(0);
