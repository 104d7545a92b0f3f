using StreamObserve.Bench.Generator;

namespace StreamObserve.Bench.Compare;

/// <summary>The files that are fed; made once and kept.</summary>
internal static class EventFiles
{
    /// <summary>Ends a record in the file of many events a record; no event holds it.</summary>
    public const byte RecordSeparator = 0x1E;

    /// <summary>One event a line, and with it the truth about what was planted.</summary>
    public static string OneEventALine(BenchOptions options)
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

    /// <summary>The same lines, with a separator in place of every 500th newline.</summary>
    public static string ManyEventsARecord(BenchOptions options, string lines)
    {
        string file = Path.ChangeExtension(lines, $".{BenchOptions.EventsPerRecord}");
        if (!File.Exists(file))
        {
            using var input = new FileStream(lines, FileMode.Open, FileAccess.Read);
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
                        if (++line % BenchOptions.EventsPerRecord == 0 || line == options.Events)
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
}
