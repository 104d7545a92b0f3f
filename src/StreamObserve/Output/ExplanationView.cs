using System.Globalization;
using System.Text.Json;

namespace StreamObserve.Output;

/// <summary>Shows how an answer was made, a line a matter.</summary>
internal static class ExplanationView
{
    /// <summary>Writes the member <c>explain</c> of an answer; what a node of another version leaves out reads 0.</summary>
    public static void Write(JsonElement explanation, TextWriter to)
    {
        JsonElement blocks = Member(explanation, "blocks"), skipped = Member(blocks, "skipped"), decoded = Member(explanation, "decoded"), rows = Member(explanation, "rows");
        to.WriteLine($"blocks: {Number(blocks, "considered")} held, skipped {Number(skipped, "time")} by time, {Number(skipped, "dataset")} by dataset, "
            + $"{Number(skipped, "min_max")} by least and greatest value, {Number(skipped, "bloom")} by bloom filter; {Number(blocks, "read")} read");
        to.WriteLine($"decoded: {Number(decoded, "columns")} columns, {Number(decoded, "bytes")} bytes; what was held decoded is not counted");
        to.WriteLine($"rows: {Number(rows, "blocks")} in blocks, {Number(rows, "head_block")} kept and not in a block yet, {Number(rows, "recent")} not decided yet, "
            + $"{Number(rows, "unfolded")} beside the aggregates");
        to.WriteLine($"aggregates: of {Number(explanation, "folds")} folds");
        if (Member(explanation, "rows_because") is { ValueKind: JsonValueKind.Array } reasons)
        {
            foreach (JsonElement reason in reasons.EnumerateArray())
            {
                to.WriteLine($"rows because {reason}");
            }
        }
    }

    private static JsonElement Member(JsonElement owner, string name) =>
        owner.ValueKind == JsonValueKind.Object && owner.TryGetProperty(name, out JsonElement value) ? value : default;

    private static string Number(JsonElement owner, string name) =>
        Member(owner, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out long number) ? number.ToString("N0", CultureInfo.InvariantCulture) : "0";
}
