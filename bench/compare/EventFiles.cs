using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using StreamObserve.Bench.Generator;

namespace StreamObserve.Bench.Compare;

/// <summary>The events of a run: where they are and what a question has to know about them.</summary>
/// <param name="File">One event a line.</param>
/// <param name="Count">Lines.</param>
/// <param name="First">Earliest event time.</param>
/// <param name="Last">Latest event time.</param>
/// <param name="TraceId">The trace of the line in the middle of the file.</param>
/// <param name="Route">The route of the planted incident.</param>
internal sealed record EventSet(string File, long Count, DateTimeOffset First, DateTimeOffset Last, string TraceId, string Route);

/// <summary>The files that are fed; made once and kept.</summary>
internal static class EventFiles
{
    /// <summary>Ends a record in the file of many events a record; no event holds it.</summary>
    public const byte RecordSeparator = 0x1E;

    /// <summary>One event a line: the given file, or generated ones.</summary>
    public static EventSet Prepare(BenchOptions options)
    {
        string file = options.File ?? Generate(options);
        JsonNode truth = JsonNode.Parse(System.IO.File.ReadAllText(Path.ChangeExtension(file, ".truth.json"))) ?? throw new InvalidDataException($"no truth beside {file}");
        (long count, string first, string last) = ReadTimes(file);
        return new EventSet(file, count, TimeOf(first), TimeOf(last), MiddleTrace(file), (string)truth["incident"]!["http.route"]!);

        static DateTimeOffset TimeOf(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
    }

    /// <summary>The same lines, with a separator in place of every 500th newline and of the last.</summary>
    public static string ManyEventsARecord(BenchOptions options, EventSet events)
    {
        string name = $"{Path.GetFileNameWithoutExtension(events.File)}-{new FileInfo(events.File).Length}.{BenchOptions.EventsPerRecord}";
        string file = Path.Combine(options.WorkFolder, name);
        if (!File.Exists(file))
        {
            Directory.CreateDirectory(options.WorkFolder);
            using var input = new FileStream(events.File, FileMode.Open, FileAccess.Read);
            using (var output = new FileStream(file + ".partial", FileMode.Create, FileAccess.Write))
            {
                byte[] buffer = new byte[1 << 20];
                long line = 0;
                int read;
                while ((read = input.Read(buffer)) > 0)
                {
                    Span<byte> rest = buffer.AsSpan(0, read);
                    while (rest.IndexOf((byte)'\n') is var newline and >= 0)
                    {
                        if (++line % BenchOptions.EventsPerRecord == 0 || line == events.Count)
                        {
                            rest[newline] = RecordSeparator;
                        }

                        rest = rest[(newline + 1)..];
                    }

                    output.Write(buffer, 0, read);
                }
            }

            File.Move(file + ".partial", file);
        }

        return file;
    }

    private static string Generate(BenchOptions options)
    {
        string file = Path.Combine(options.WorkFolder, $"events-{options.Events}.ndjson");
        if (!File.Exists(file))
        {
            Directory.CreateDirectory(options.WorkFolder);
            var generator = new EventGenerator(GeneratorOptions.Default with { Events = options.Events });
            using (var stream = new FileStream(file + ".partial", FileMode.Create, FileAccess.Write, FileShare.None, 1))
            {
                generator.WriteTo(stream);
            }

            File.WriteAllText(Path.ChangeExtension(file, ".truth.json"), generator.Truth.ToJson());
            File.Move(file + ".partial", file);
        }

        return file;
    }

    /// <summary>Lines, and the earliest and latest time, which as texts of one form and zone are in order.</summary>
    private static (long Lines, string First, string Last) ReadTimes(string file)
    {
        ReadOnlySpan<byte> name = "\"Timestamp\":\""u8;
        long lines = 0;
        byte[] firstBytes = [], lastBytes = [];
        using var input = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        byte[] buffer = new byte[1 << 20];
        int held = 0, read;
        while ((read = input.Read(buffer, held, buffer.Length - held)) > 0)
        {
            held += read;
            ReadOnlySpan<byte> rest = buffer.AsSpan(0, held);
            while (rest.IndexOf((byte)'\n') is var newline and >= 0)
            {
                lines++;
                ReadOnlySpan<byte> line = rest[..newline];
                if (line.IndexOf(name) is var at and >= 0)
                {
                    ReadOnlySpan<byte> time = line[(at + name.Length)..];
                    time = time[..time.IndexOf((byte)'"')];
                    if (firstBytes.Length == 0 || time.SequenceCompareTo(firstBytes) < 0)
                    {
                        firstBytes = time.ToArray();
                    }

                    if (time.SequenceCompareTo(lastBytes) > 0)
                    {
                        lastBytes = time.ToArray();
                    }
                }

                rest = rest[(newline + 1)..];
            }

            held = rest.Length;
            rest.CopyTo(buffer);
        }

        return (lines, Encoding.ASCII.GetString(firstBytes), Encoding.ASCII.GetString(lastBytes));
    }

    private static string MiddleTrace(string file)
    {
        const string Name = "\"trace.trace_id\":\"";
        using var input = new FileStream(file, FileMode.Open, FileAccess.Read);
        input.Position = input.Length / 2;
        using var reader = new StreamReader(input);
        reader.ReadLine();
        string line = reader.ReadLine() ?? "";
        int at = line.IndexOf(Name, StringComparison.Ordinal) + Name.Length;
        return line[at..line.IndexOf('"', at)];
    }
}
