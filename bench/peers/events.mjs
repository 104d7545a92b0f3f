// What both peers know about the events, and the questions that bench/compare also asks of StreamObserve.
import { createInterface } from 'node:readline';

// The columns of bench/gen, in order, and how each is best stored.
// kinds: time, label (few values), id (many values), number, integer, flag, text
export const columns = {
  'Timestamp': 'time', 'service.name': 'label', 'name': 'label', 'trace.trace_id': 'id', 'trace.span_id': 'id', 'trace.parent_id': 'id',
  'duration_ms': 'number', 'http.method': 'label', 'http.route': 'label', 'http.status_code': 'integer', 'error': 'flag',
  'customer_id': 'id', 'user_id': 'id', 'build_id': 'label', 'region': 'label', 'availability_zone': 'label', 'hostname': 'label',
  'kafka.partition': 'integer', 'payload_size': 'integer', 'db.statement_hash': 'label', 'feature_flag.new_checkout': 'flag',
  'client.os': 'label', 'message': 'text',
};

// `--name value` pairs behind the verb.
export function options(defaults) {
  const given = { ...defaults };
  for (let i = 3; i < process.argv.length; i += 2) {
    const name = process.argv[i].replace(/^--/, '');
    if (!(name in given) || process.argv[i + 1] === undefined) {
      console.error(`${process.argv[i]} is not one of ${Object.keys(given).map(k => `--${k} VALUE`).join(', ')}`);
      process.exit(2);
    }
    given[name] = process.argv[i + 1];
  }
  return given;
}

// CPU of this process, all threads, and wall time, since the call.
export function stopwatch() {
  const cpu = process.cpuUsage(), wall = performance.now();
  return () => {
    const used = process.cpuUsage(cpu);
    return { cpu_s: (used.user + used.system) / 1e6, wall_s: (performance.now() - wall) / 1e3 };
  };
}

const quoted = text => `'${text.replaceAll(`'`, `''`)}'`;

// The questions by name; those with an x give exact answers to check others against. `f` holds an engine's own words, `about` what is looked for.
export const questions = (f, about) => ({
  Q1: `SELECT ${f.tenSeconds} AS t, count(*) AS n FROM events GROUP BY t ORDER BY t`,
  Q2: `SELECT "service.name" AS k, count(*) AS n, avg(duration_ms) AS mean, ${f.quantiles([0.5, 0.95, 0.99])} AS p FROM events GROUP BY k`,
  Q2x: `SELECT "service.name" AS k, count(*) AS n, avg(duration_ms) AS mean, ${f.exactQuantiles([0.5, 0.95, 0.99])} AS p FROM events GROUP BY k`,
  Q3: `SELECT ${f.tenSeconds} AS t, build_id AS k, ${f.quantiles([0.99])} AS p FROM events GROUP BY t, k`,
  Q3x: `SELECT ${f.tenSeconds} AS t, build_id AS k, ${f.exactQuantiles([0.99])} AS p FROM events GROUP BY t, k`,
  Q4: 'SELECT customer_id AS k, count(*) AS n FROM events GROUP BY k ORDER BY n DESC, k LIMIT 100',
  Q5: `SELECT hostname AS k, count(*) AS n FROM events WHERE "http.status_code" >= 500 AND "http.route" = ${quoted(about.route)} GROUP BY k ORDER BY n DESC, k`,
  Q6: `SELECT region AS k, ${f.distinct('user_id')} AS n FROM events GROUP BY k`,
  Q6x: 'SELECT region AS k, count(DISTINCT user_id) AS n FROM events GROUP BY k',
  Q7: `SELECT ${f.tenSeconds} AS t, ${f.integer('floor(log2(duration_ms))')} AS magnitude, count(*) AS n FROM events GROUP BY t, magnitude ORDER BY t, magnitude`,
  Q8: `SELECT "trace.span_id" AS span, coalesce("trace.parent_id", '') AS parent, name, duration_ms AS d FROM events WHERE "trace.trace_id" = ${quoted(about.trace)} ORDER BY "Timestamp", span`,
  Q9: `SELECT count(*) AS n, sum(duration_ms) AS total FROM events WHERE message LIKE ${quoted(`%${about.text}%`)}`,
});

// A value of a row as a number, a flag, a text or null; lists inside of a row are flattened. 64-bit numbers come as texts; ids, which are longer, stay texts.
const plain = value => typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? +value : value;
const flat = value => Array.isArray(value) ? value.flatMap(flat) : value?.items ? flat(value.items) : [plain(value)];

// Answers lines of {"ask": "Q1", "rows": true} on standard input, each with a line {"ms": …, "rows": [[…], …]}. Only running the question is timed.
export async function serve(texts, run) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { ask, rows } = JSON.parse(line);
    const watch = stopwatch();
    const answer = await run(texts[ask]);
    const ms = watch().wall_s * 1e3;
    console.log(JSON.stringify({ ms, rows: rows ? answer().map(row => Object.values(row).flatMap(flat)) : [] }));
  }
}
