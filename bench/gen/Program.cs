using System.Globalization;
using StreamObserve.Bench.Generator;

// Deterministic wide events as NDJSON:
//   StreamObserve.Bench.Generator --events 1000000 --seed 42 --out FILE|- [--truth FILE] [--start TIME] [--minutes N]
const string Usage = "usage: --events N --seed N --out FILE|- [--truth FILE] [--start RFC3339] [--minutes N]";

var options = GeneratorOptions.Default;
string output = "-";
string? truth = null;
for (int i = 0; i < args.Length; i += 2)
{
    string name = args[i];
    if (i + 1 == args.Length)
    {
        return Refuse($"{name} needs a value");
    }

    string value = args[i + 1];
    switch (name)
    {
        case "--events" when long.TryParse(value, out long events) && events >= 4:
            options = options with { Events = events };
            break;
        case "--seed" when ulong.TryParse(value, out ulong seed):
            options = options with { Seed = seed };
            break;
        case "--start" when DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset start):
            options = options with { Start = start };
            break;
        case "--minutes" when double.TryParse(value, CultureInfo.InvariantCulture, out double minutes) && minutes > 0:
            options = options with { Length = TimeSpan.FromMinutes(minutes) };
            break;
        case "--out":
            output = value;
            break;
        case "--truth":
            truth = value;
            break;
        default:
            return Refuse($"{name} {value} is not understood");
    }
}

var generator = new EventGenerator(options);
using (Stream stream = output == "-" ? Console.OpenStandardOutput() : new FileStream(output, FileMode.Create, FileAccess.Write, FileShare.Read, 1))
{
    generator.WriteTo(stream);
}

if (truth is not null)
{
    File.WriteAllText(truth, generator.Truth.ToJson() + "\n");
}

Console.Error.WriteLine($"{generator.Truth.Events} events, {generator.Truth.Bytes} bytes, {generator.Truth.Traces} traces, {generator.Truth.ErrorEvents} errors, incident of {generator.Truth.Incident.Traces} traces");
return 0;

static int Refuse(string reason)
{
    Console.Error.WriteLine($"{reason}; {Usage}");
    return 2;
}
