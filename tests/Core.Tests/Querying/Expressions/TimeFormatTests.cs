using System.Text;
using StreamObserve.Core.Columns;
using StreamObserve.Core.Querying.Expressions;

namespace StreamObserve.Core.Tests.Querying.Expressions;

public sealed class TimeFormatTests
{
    [Theory]
    [InlineData("%Y-%m-%dT%H:%M:%S.%LZ", "2024-02-29T13:05:09.250Z")]
    [InlineData("%a %A %b %B %h", "Thu Thursday Feb February Feb")]
    [InlineData("%c|%D|%x|%F|%T|%X|%R|%r", "Thu Feb 29 13:05:09 2024|02/29/24|02/29/24|2024-02-29|13:05:09|13:05:09|13:05|01:05:09 PM")]
    [InlineData("%C %y %g %G %V %U %W %u %w %j", "20 24 24 2024 09 08 09 4 4 060")]
    [InlineData("%e|%k|%l|%I|%p|%P", "29|13| 1|01|PM|pm")]
    [InlineData("%s %N %z %Z %%%n%t.", "1709211909 250000000 +0000 UTC %\n\t.")]
    [InlineData("naïve", "naïve")]
    public void ATimeIsWrittenAsStrftimeDoes(string format, string expected) => Assert.Equal(expected, Write(format, 1_709_211_909.25));

    [Theory]
    [InlineData(1704067199, "2023 00 52 53 52")]     // Sunday, 31 December
    [InlineData(1704067200, "2024 00 01 00 01")]     // Monday, 1 January
    [InlineData(1672531200, "2022 00 52 01 00")]     // Sunday, 1 January 2023
    public void WeeksAreCountedInThreeWays(double seconds, string expected) => Assert.Equal(expected, Write("%G 00 %V %U %W", seconds));

    [Theory]
    [InlineData(-1, "1969-12-31 23:59:59")]
    [InlineData(-62135596800, "0001-01-01 00:00:00")]
    [InlineData(253402300799, "9999-12-31 23:59:59")]
    [InlineData(253402300800, null)]
    [InlineData(-62135596801, null)]
    public void TimesOutsideOfTheYears1To9999AreNone(double seconds, string? expected) => Assert.Equal(expected, Write("%F %T", seconds));

    private static string? Write(string format, double seconds)
    {
        var compiled = TimeFormat.Compile(format, out var error);
        Assert.Equal("", error);
        var writer = new ByteWriter();
        return compiled!.TryWrite(seconds, writer) ? Encoding.UTF8.GetString(writer.Written) : null;
    }
}
