// What both peers know about the events: the columns of bench/gen, in order, and how each is best stored.
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

// One first run and five more; the median wall time of the later ones, in ms.
export async function timed(run) {
  await run();
  const times = [];
  for (let i = 0; i < 5; i++) {
    const watch = stopwatch();
    await run();
    times.push(watch().wall_s * 1e3);
  }
  return times.sort((a, b) => a - b)[2];
}

// The questions that bench/compare also asks of StreamObserve. `f` holds each engine's own words.
export const questions = f => ({
  'COUNT over time': `SELECT ${f.tenSeconds} AS t, count(*) AS n FROM events GROUP BY t`,
  'COUNT, P50, P99 by service.name': `SELECT "service.name" AS k, count(*) AS n, ${f.quantile(0.5)} AS p50, ${f.quantile(0.99)} AS p99 FROM events GROUP BY k`,
  'COUNT by customer_id, top 100': 'SELECT customer_id AS k, count(*) AS n FROM events GROUP BY k ORDER BY n DESC LIMIT 100',
  'COUNT of errors on a route by hostname': `SELECT hostname AS k, count(*) AS n FROM events WHERE "http.status_code" >= 500 AND "http.route" = 'POST /shop/v3/orders' GROUP BY k`,
  'distinct user_id by region': `SELECT region AS k, ${f.distinct('user_id')} AS n FROM events GROUP BY k`,
  'COUNT of messages that contain': `SELECT count(*) AS n FROM events WHERE message LIKE '%broken pipe to peer%'`,
});
