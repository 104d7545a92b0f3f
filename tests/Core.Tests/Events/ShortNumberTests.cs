using System.Globalization;
using System.Runtime.Intrinsics.X86;
using System.Text;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Tests.Events;

public sealed class ShortNumberTests
{
    [Fact]
    public void ShortNumbersAreWhatThePlatformReads()
    {
        Assert.SkipUnless(Sse41.IsSupported, "the processor has no SSE 4.1: every number takes the slow path");
        var random = new Random(1);
        for (var whole = 1; whole <= ShortNumber.BytesMax; whole++)
        {
            for (var scale = 0; scale == 0 || whole + 1 + scale <= ShortNumber.BytesMax; scale++)
            {
                for (var i = 0; i < 200; i++)
                {
                    var text = (i % 3 == 0 ? "-" : "") + Digits(random, whole, i) + (scale > 0 ? "." + Digits(random, scale, i + 1) : "");
                    if (whole > 1 && text.TrimStart('-')[0] == '0')
                    {
                        Assert.Null(Read(text));
                        continue;
                    }

                    var expected = scale == 0
                        ? (text.Length, FieldKind.Integer, long.Parse(text, CultureInfo.InvariantCulture))
                        : (text.Length, FieldKind.Float, BitConverter.DoubleToInt64Bits(double.Parse(text, CultureInfo.InvariantCulture)));
                    Assert.Equal(expected, Read(text));
                }
            }
        }
    }

    [Theory]
    [InlineData("1234567890123456")]
    [InlineData("12345678.12345678")]
    [InlineData("1.234567890123456")]
    [InlineData("-1.23456789012345")]
    [InlineData("12345678901234.5")]
    [InlineData("1e5")]
    [InlineData("1.5E5")]
    [InlineData("1.")]
    [InlineData("-")]
    [InlineData("-.5")]
    [InlineData(".5")]
    [InlineData("00")]
    [InlineData("-01.5")]
    [InlineData("true")]
    [InlineData("null")]
    public void AnythingElseIsLeftToTheSlowPath(string text) => Assert.Null(Read(text));

    private static string Digits(Random random, int count, int i) => i switch
    {
        0 => new string('9', count),
        1 => new string('0', count),
        _ => string.Concat(Enumerable.Range(0, count).Select(_ => random.Next(10))),
    };

    private static (int Length, FieldKind Kind, long Bits)? Read(string text)
    {
        foreach (var behind in (string[])[",", "}", " \"5", "]5.5e5"])
        {
            var bytes = Encoding.UTF8.GetBytes(text + behind + new string('7', ShortNumber.Readable + 1));
            var isRead = ShortNumber.TryRead(ref bytes[0], out var length, out var kind, out var bits);
            if (!isRead)
            {
                return null;
            }

            if (behind == "]5.5e5")
            {
                return (length, kind, bits);
            }
        }

        throw new InvalidOperationException("no text stood behind the number");
    }
}
