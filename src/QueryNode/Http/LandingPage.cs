using Microsoft.AspNetCore.Http;

namespace StreamObserve.QueryNode.Http;

/// <summary><c>GET /</c>: what this is and how to ask it something.</summary>
internal static class LandingPage
{
    /// <summary>Route of the page.</summary>
    public const string Route = "/";

    private static readonly byte[] Html = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>StreamObserve</title>
        <style>
        body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; color: #222; background: #fff }
        h1 { font-size: 1.6rem } h2 { font-size: 1.1rem; margin-top: 2rem }
        pre { background: #f4f4f2; padding: .8rem 1rem; overflow-x: auto; border-radius: 4px; font-size: .85rem }
        @media (prefers-color-scheme: dark) { body { color: #ddd; background: #1b1b1b } pre { background: #2a2a2a } a { color: #8ab4f8 } }
        </style>
        </head>
        <body>
        <h1>StreamObserve</h1>
        <p>Ask production a question in the words of your own code. Counts and sums cover every event; each number says whether it is exact, bounded or estimated,
        and each answer says what it rests on.</p>
        <h2>What is here</h2>
        <ul>
        <li><a href="/api/v1/datasets">Datasets</a>, with columns and values below each</li>
        <li><a href="/readyz">Readiness</a>, <a href="/healthz">health</a> and <a href="/metrics">metrics</a></li>
        <li><a href="/api/v1/sampling/__default__">The default sampling policy</a></li>
        </ul>
        <h2>A query</h2>
        <pre>curl -s <span class="origin">http://127.0.0.1:8080</span>/api/v1/query -H 'Content-Type: application/json' \
          -d '{"dataset":"__all__","text":"COUNT, P99(duration_ms) GROUP BY service.name LAST 1h"}'</pre>
        <h2>A live tail</h2>
        <pre>curl -sNG <span class="origin">http://127.0.0.1:8080</span>/api/v1/tail --data-urlencode 'filter=error = true' \
          --data-urlencode 'calc=COUNT, P99(duration_ms)'</pre>
        <h2>A trace</h2>
        <pre>curl -s <span class="origin">http://127.0.0.1:8080</span>/api/v1/traces/TRACE_ID</pre>
        <script>for (const place of document.querySelectorAll(".origin")) place.textContent = location.origin;</script>
        </body>
        </html>

        """u8.ToArray();

    /// <summary>Sends the page.</summary>
    public static Task GetAsync(HttpContext context) => JsonOutput.SendAsync(context, StatusCodes.Status200OK, "text/html; charset=utf-8", Html);
}
