using System.Net;
using System.Text;
using StreamObserve.Commands;
using StreamObserve.Hosting;

namespace StreamObserve.Tests;

/// <summary>Runs the program in this process with captured streams.</summary>
internal sealed class Terminal
{
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public string Output => _output.ToString();

    public string Error => _error.ToString();

    public Dictionary<string, string> Environment { get; } = [];

    public string Input { get; set; } = "";

    public StubNode? Node { get; set; }

    public TimeProvider Time { get; set; } = TimeProvider.System;

    public Func<NodeSettings, IReadOnlyList<IRoleModule>> Modules { get; set; } = _ => [];

    public Task<int> RunAsync(params string[] arguments) => RunAsync(CancellationToken.None, arguments);

    public Task<int> RunAsync(CancellationToken stop, params string[] arguments)
    {
        var context = new CommandContext
        {
            Input = new MemoryStream(Encoding.UTF8.GetBytes(Input)),
            Output = TextWriter.Synchronized(_output),
            Error = TextWriter.Synchronized(_error),
            Environment = Environment,
            Time = Time,
            LimitHeap = _ => { },
            Http = Node,
        };
        return CommandLineApp.RunAsync(arguments, context, Modules, stop);
    }
}

/// <summary>Answers HTTP requests in place of a node, one prepared answer after the other (the last one again and again), and keeps what was asked.</summary>
internal sealed class StubNode : HttpMessageHandler
{
    private readonly Queue<Func<HttpResponseMessage>> _answers = new();

    public List<(string Method, string PathAndQuery, string Body)> Requests { get; } = [];

    public StubNode Answer(string body, int status = 200, string contentType = "application/json", string? retryAfter = null)
    {
        _answers.Enqueue(() =>
        {
            var response = new HttpResponseMessage((HttpStatusCode)status) { Content = new StringContent(body, Encoding.UTF8, contentType) };
            if (retryAfter is not null)
            {
                response.Headers.TryAddWithoutValidation("Retry-After", retryAfter);
            }

            return response;
        });
        return this;
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        string body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
        Requests.Add((request.Method.Method, request.RequestUri!.PathAndQuery, body));
        return (_answers.Count > 1 ? _answers.Dequeue() : _answers.Peek())();
    }
}

/// <summary>A clock whose timers fire at once: waiting takes no time.</summary>
internal sealed class ImpatientTime : TimeProvider
{
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, dueTime == Timeout.InfiniteTimeSpan ? dueTime : TimeSpan.Zero, period);
}
