using System.Globalization;
using System.Text;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>The bins of BUCKET: <paramref name="Size"/> wide, counted from <paramref name="Min"/> (from 0 without one), with one bin below and one above.</summary>
internal sealed record BucketShape(double Size, double? Min, double? Max)
{
    public static BucketShape? Of(IReadOnlyList<Expression> arguments, out string error)
    {
        var numbers = new double?[3];
        for (var i = 1; i < arguments.Count; i++)
        {
            if ((arguments[i] as Expression.Constant)?.Number is not { } number)
            {
                error = "the size, min and max of BUCKET are constant numbers, as in BUCKET($duration_ms, 100, 0, 1000)";
                return null;
            }

            numbers[i - 1] = number;
        }

        error = numbers[0] <= 0 ? "the size of BUCKET must be above 0" : numbers[1] >= numbers[2] ? "the min of BUCKET must be below its max" : "";
        return error.Length > 0 ? null : new(numbers[0]!.Value, numbers[1], numbers[2]);
    }

    /// <summary>A number's bin: its place from min, or an infinity. A number on an edge belongs to the bin below it, but min to the first one.</summary>
    public double BinOf(double value)
    {
        if (value < Min)
        {
            return double.NegativeInfinity;
        }

        if (value > Max)
        {
            return double.PositiveInfinity;
        }

        var bin = Math.Ceiling((value - (Min ?? 0)) / Size) - 1;
        return Min is null ? bin : Math.Max(bin, 0);
    }

    /// <summary>Writes a bin's name into at least 96 bytes.</summary>
    public int Write(double bin, Span<byte> destination)
    {
        var writer = new NumberText(destination);
        if (double.IsInfinity(bin))
        {
            return bin < 0 && Min is not null ? writer.Ascii("< ").Number(Min.Value).Length
                : bin > 0 && Max is not null ? writer.Ascii("> ").Number(Max.Value).Length
                : writer.Number(bin).Length;
        }

        double from = (Min ?? 0) + (bin * Size), to = from + Size;
        return writer.Number(from).Ascii(" - ").Number(to > Max ? Max.Value : to).Length;
    }

    /// <summary>Numbers to 15 digits, so that 3 x 0.1 is 0.3.</summary>
    private ref struct NumberText(Span<byte> destination)
    {
        private readonly Span<byte> _destination = destination;

        public int Length { get; private set; }

        public NumberText Ascii(string text)
        {
            Length += Encoding.ASCII.GetBytes(text, _destination[Length..]);
            return this;
        }

        public NumberText Number(double value)
        {
            (value == 0 ? 0 : value).TryFormat(_destination[Length..], out var written, "G15", CultureInfo.InvariantCulture);
            Length += written;
            return this;
        }
    }
}
