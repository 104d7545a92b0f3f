using System.Text;
using Confluent.Kafka;

namespace StreamObserve.Kafka.Producing;

/// <summary>One header of a record to be produced; its value goes out as UTF-8.</summary>
/// <param name="Name">The header's name.</param>
/// <param name="Value">The header's text.</param>
public readonly record struct RecordHeader(string Name, string Value)
{
    internal static Headers? ToClient(IReadOnlyList<RecordHeader> headers)
    {
        if (headers.Count == 0)
        {
            return null;
        }

        var result = new Headers();
        foreach (var (name, value) in headers)
        {
            result.Add(name, Encoding.UTF8.GetBytes(value));
        }

        return result;
    }
}
