using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text.Json;
using StreamObserve.Core.Querying;

namespace StreamObserve.QueryNode.Http;

/// <summary>
/// Writes the heatmaps of one answer. Thousands of buckets share a few dozen edges, and to find the shortest digits of a float is what most of the text would cost: a pair
/// of edges becomes text once. Not thread-safe.
/// </summary>
internal sealed class HeatmapJson
{
    private readonly Dictionary<(double Min, double Max), byte[]> _edges = [];
    private readonly ArrayBufferWriter<byte> _text = new(1024);

    /// <summary>Writes a heatmap as its buckets.</summary>
    public void Write(Utf8JsonWriter json, IReadOnlyList<HeatmapBucket> buckets)
    {
        _text.ResetWrittenCount();
        _text.Write("{\"buckets\":["u8);
        for (var i = 0; i < buckets.Count; i++)
        {
            if (i > 0)
            {
                _text.Write(","u8);
            }

            var bucket = buckets[i];
            if (!_edges.TryGetValue((bucket.Min, bucket.Max), out var edges))
            {
                _edges[(bucket.Min, bucket.Max)] = edges = EdgesOf(bucket);
            }

            _text.Write(edges);
            WriteCount(bucket.Count);
            _text.Write("}"u8);
        }

        _text.Write("]}"u8);
        json.WriteRawValue(_text.WrittenSpan, skipInputValidation: true);
    }

    /// <summary>A bucket's text up to its count.</summary>
    private static byte[] EdgesOf(HeatmapBucket bucket)
    {
        var buffer = new ArrayBufferWriter<byte>(64);
        using (var json = JsonOutput.Writer(buffer))
        {
            json.WriteStartObject();
            json.WritePropertyName("min"u8);
            json.WriteNumber(bucket.Min);
            json.WritePropertyName("max"u8);
            json.WriteNumber(bucket.Max);
            json.WritePropertyName("count"u8);
        }

        return buffer.WrittenSpan.ToArray();
    }

    private void WriteCount(double count)
    {
        var destination = _text.GetSpan(32);
        if (JsonOutput.IsWhole(count))
        {
            Utf8Formatter.TryFormat((long)count, destination, out var digits);
            _text.Advance(digits);
            return;
        }

        count.TryFormat(destination, out var bytes, default, CultureInfo.InvariantCulture);
        _text.Advance(bytes);
    }
}
