using System.Buffers;
using System.Text;
using System.Text.Json;
using StreamObserve.Core.Querying;
using StreamObserve.QueryNode.Http;

namespace StreamObserve.QueryNode.Tests;

public class HeatmapJsonTests
{
    [Fact]
    public void EveryBucketIsWrittenAsAWriterOfJsonWritesItHoweverOftenItsEdgesComeBack()
    {
        var heatmaps = new HeatmapJson();
        double[] edges = [-4, -Math.Pow(2, 1 / 35d), 0, 1e-9, Math.Pow(2, 1 / 5d), 1024, 1e300];
        double[] counts = [1, 12, 65_536, 2.5, 1 / 3d, 9_007_199_254_740_991, 9_007_199_254_740_992, 1e20];
        IReadOnlyList<HeatmapBucket>[] cells =
        [
            [],
            .. counts.Select(count => edges.Zip(edges.Skip(1), (min, max) => new HeatmapBucket(min, max, count)).ToList()),
            [new(0, 0, 3)],
        ];
        var written = new ArrayBufferWriter<byte>();
        var expected = new ArrayBufferWriter<byte>();
        using (Utf8JsonWriter json = JsonOutput.Writer(written), plain = JsonOutput.Writer(expected))
        {
            json.WriteStartArray();
            plain.WriteStartArray();
            foreach (var cell in cells)
            {
                heatmaps.Write(json, cell);
                WritePlainly(plain, cell);
            }

            json.WriteEndArray();
            plain.WriteEndArray();
        }

        Assert.Equal(Encoding.UTF8.GetString(expected.WrittenSpan), Encoding.UTF8.GetString(written.WrittenSpan));
        Assert.Equal(cells.Length, JsonDocument.Parse(written.WrittenMemory).RootElement.GetArrayLength());
    }

    private static void WritePlainly(Utf8JsonWriter json, IReadOnlyList<HeatmapBucket> buckets)
    {
        json.WriteStartObject();
        json.WriteStartArray("buckets"u8);
        foreach (var bucket in buckets)
        {
            json.WriteStartObject();
            json.WritePropertyName("min"u8);
            json.WriteNumber(bucket.Min);
            json.WritePropertyName("max"u8);
            json.WriteNumber(bucket.Max);
            json.WritePropertyName("count"u8);
            json.WriteNumber(bucket.Count);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
