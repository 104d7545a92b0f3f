using System.Buffers;
using System.Globalization;
using StreamObserve.Core.Querying.Language;
using StreamObserve.QueryNode.Results;
using StreamObserve.QueryNode.Services;

namespace StreamObserve.QueryNode.Http;

/// <summary>Runs a query, writes its answer as JSON and stores it.</summary>
internal sealed class QueryRunner(IQueryService queries, IResultStore results)
{
    private const int AnswerBytesTypical = 4 << 10;

    /// <summary>
    /// The answer's bytes, stored under the id; or the problem with which the query ends. Asked once more where the heap was full: all that the first attempt held is garbage by
    /// then. Throws <see cref="OutOfMemoryException"/> where it is full again.
    /// </summary>
    public async Task<Reading<ReadOnlyMemory<byte>>> RunAsync(string id, QueryRequest request, QueryEcho echo, CancellationToken cancellation)
    {
        try
        {
            return await RunOnceAsync(id, request, echo, cancellation).ConfigureAwait(false);
        }
        catch (OutOfMemoryException)
        {
            cancellation.ThrowIfCancellationRequested();
        }

        return await RunOnceAsync(id, request, echo, cancellation).ConfigureAwait(false);
    }

    private async Task<Reading<ReadOnlyMemory<byte>>> RunOnceAsync(string id, QueryRequest request, QueryEcho echo, CancellationToken cancellation)
    {
        switch (await queries.ExecuteAsync(request, cancellation).ConfigureAwait(false))
        {
            case QueryOutcome.UnknownDataset:
                return Problems.UnknownDataset(request.Dataset);
            case QueryOutcome.Refused refused:
                return Problems.Unprocessable("query cannot be answered as asked", "query.", refused.Errors);
            case QueryOutcome.Answered { Answer.Receipt: { Failed.Count: > 0 } receipt } when !request.PartialAllowed:
                return Problems.Partial(receipt);
            case QueryOutcome.Answered answered:
                var buffer = new ArrayBufferWriter<byte>(AnswerBytesTypical);
                await using (var json = JsonOutput.Writer(buffer))
                {
                    if (!AnswerJson.TryWrite(json, id, echo, answered.Answer, QueryHttpLimits.AnswerBytesMax))
                    {
                        return TooLarge(request, answered.Answer.Results.Count);
                    }
                }

                // A copy of its own length: the buffer is up to twice as large, and the store counts bytes.
                ReadOnlyMemory<byte> answer = buffer.WrittenSpan.ToArray();
                await results.PutAsync(id, answer, cancellation).ConfigureAwait(false);
                return answer;
            case var other:
                throw new InvalidOperationException($"a query service returned {other}");
        }
    }

    private static Hosting.ProblemDocument TooLarge(QueryRequest request, int groups)
    {
        var limit = request.Spec.Limit.ToString(CultureInfo.InvariantCulture);
        var message = string.Create(
            CultureInfo.InvariantCulture,
            $"{groups} groups over time need more than {QueryHttpLimits.AnswerBytesMax} bytes; lower limit, raise granularity or group by less");
        return Problems.Unprocessable("answer too large", "query.", [new QueryError("limit", limit, message)]);
    }
}
