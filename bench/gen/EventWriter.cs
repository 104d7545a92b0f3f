using System.Buffers.Text;
using System.Text;

namespace StreamObserve.Bench.Generator;

/// <summary>Writes spans as flat JSON objects of 23 fields (two of them not in every event), one a line, ASCII only.</summary>
internal sealed class EventWriter(Stream output, Shop shop, DateTimeOffset start)
{
    private const int LineBytesMax = 4096;
    private readonly byte[] _buffer = new byte[1 << 20];
    private int _used;

    /// <summary>Bytes written so far, counting what is buffered.</summary>
    public long BytesWritten { get; private set; }

    /// <summary>Hands what is buffered to the stream.</summary>
    public void Flush()
    {
        output.Write(_buffer, 0, _used);
        _used = 0;
    }

    /// <summary>Appends the span's line.</summary>
    public void Write(in Span span)
    {
        if (_buffer.Length - _used < LineBytesMax)
        {
            Flush();
        }

        int before = _used;
        Literal("{\"Timestamp\":\""u8);
        Time(start.AddMilliseconds(span.StartMs));
        Literal("\",\"service.name\":\""u8);
        Ascii(Shop.Services[span.Service]);
        Literal("\",\"name\":\""u8);
        Ascii(Shop.Works[span.Work].Name);
        Literal("\",\"trace.trace_id\":\""u8);
        Hex(span.TraceHigh);
        Hex(span.TraceLow);
        Literal("\",\"trace.span_id\":\""u8);
        Hex(span.SpanId);
        if (span.ParentId != 0)
        {
            Literal("\",\"trace.parent_id\":\""u8);
            Hex(span.ParentId);
        }

        Literal("\",\"duration_ms\":"u8);
        Decimal(span.DurationMs);
        Literal(",\"http.method\":\""u8);
        Ascii(shop.Routes[span.Route].Method);
        Literal("\",\"http.route\":\""u8);
        Ascii(shop.Routes[span.Route].Path);
        Literal("\",\"http.status_code\":"u8);
        Integer(span.Status);
        Literal(",\"error\":"u8);
        Literal(span.IsError ? "true"u8 : "false"u8);
        Literal(",\"customer_id\":\"customer-"u8);
        Integer(span.Customer, 'D', 6);
        Literal("\",\"user_id\":\"user-"u8);
        Integer(span.User, 'D', 7);
        Literal("\",\"build_id\":\""u8);
        Ascii(shop.Releases[span.Release]);
        Literal("\",\"region\":\""u8);
        Ascii(Shop.Regions[span.Zone / 3]);
        Literal("\",\"availability_zone\":\""u8);
        Ascii(shop.Zones[span.Zone]);
        Literal("\",\"hostname\":\""u8);
        Ascii(shop.Hosts[span.Host].Name);
        Literal("\",\"kafka.partition\":"u8);
        Integer(span.QueuePartition);
        Literal(",\"payload_size\":"u8);
        Integer(span.PayloadBytes);
        if (span.Statement >= 0)
        {
            Literal(",\"db.statement_hash\":\""u8);
            Ascii(shop.StatementHashes[span.Statement]);
            Literal("\""u8);
        }

        Literal(",\"feature_flag.new_checkout\":"u8);
        Literal(span.NewCheckout ? "true"u8 : "false"u8);
        Literal(",\"client.os\":\""u8);
        Ascii(Shop.ClientSystems[span.ClientSystem]);
        Literal("\",\"message\":\""u8);
        Message(span);
        Literal("\"}\n"u8);
        BytesWritten += _used - before;
    }

    /// <summary>A log line of the code that made the span, with the variety that log lines have.</summary>
    private void Message(in Span span)
    {
        uint seed = span.MessageSeed;
        uint variant = seed & 7;
        uint number = seed >> 3;
        if (span.IsError)
        {
            FailureMessage(span, variant, number);
        }
        else if (span.Status >= 400)
        {
            Words("call refused with "u8, span.Status, ", offending argument #"u8, number % 40);
        }
        else if (number % 350 == 0)
        {
            Words("second try after broken pipe to peer 10.8."u8, number % 256, "."u8, number / 256 % 256);
        }
        else
        {
            OrdinaryMessage(span, variant, number);
        }
    }

    private void FailureMessage(in Span span, uint variant, uint number)
    {
        switch (variant)
        {
            case 0 or 1:
                Words("no answer from peer within "u8, 800 + (number % 30_000), " ms, gave up on "u8);
                Ascii(Shop.Services[number % (uint)Shop.Services.Length]);
                break;
            case 2 or 3:
                Words("broken pipe to peer 10.8."u8, number % 256, "."u8, number / 256 % 256);
                break;
            case 4:
                Literal("InvalidOperationException in "u8);
                Ascii(Shop.Works[span.Work].Name);
                Words(" at line "u8, 10 + (number % 900), ""u8);
                break;
            case 5:
                Words("breaker tripped after "u8, 4 + (number % 50), " failures, half open in "u8, number % 60, " s"u8);
                break;
            case 6:
                Words("transaction "u8, number, " chosen as deadlock victim, rolled back"u8);
                break;
            default:
                Words("all "u8, 40 + (number % 60), " connections busy, waited "u8, number % 6_000, " ms"u8);
                break;
        }
    }

    private void OrdinaryMessage(in Span span, uint variant, uint number)
    {
        switch (Shop.Works[span.Work].Kind)
        {
            case WorkKind.Entry:
                Words("answered "u8, span.Status, " with "u8, span.PayloadBytes, " bytes to user-"u8, span.User, ""u8);
                break;
            case WorkKind.Handle when variant < 3:
                Literal("done: "u8);
                Ascii(Shop.Works[span.Work].Name);
                Words(" for customer-"u8, span.Customer, " on worker "u8, number % 64, ""u8);
                break;
            case WorkKind.Handle when variant < 6:
                Words("took "u8, (long)span.DurationMs, " ms, "u8, number % 80, " lines in answer"u8);
                break;
            case WorkKind.Handle:
                Words("grant read:"u8, span.Service, " accepted, key id "u8, number % 5_000, ""u8);
                break;
            case WorkKind.Statement when variant < 4:
                Words("fetched "u8, number % 500, " tuples, segment "u8, number / 500 % 16, ""u8);
                break;
            case WorkKind.Statement:
                Words("wrote "u8, number % 25, " tuples, lease "u8, number / 25 % 200, " of pool main"u8);
                break;
            case WorkKind.Cache when variant < 4:
                Words("found s:"u8, number, ""u8);
                break;
            case WorkKind.Cache:
                Words("absent i:"u8, number % 90_000, ", kept for "u8, number % 3_600, " s"u8);
                break;
            case WorkKind.Local when variant < 4:
                Words("packed "u8, span.PayloadBytes, " bytes"u8);
                break;
            default:
                Words("appended to queue-"u8, span.QueuePartition, " at "u8, number, ""u8);
                break;
        }
    }

    private void Words(ReadOnlySpan<byte> before, long first, ReadOnlySpan<byte> after)
    {
        Literal(before);
        Integer(first);
        Literal(after);
    }

    private void Words(ReadOnlySpan<byte> before, long first, ReadOnlySpan<byte> between, long second, ReadOnlySpan<byte> after = default)
    {
        Words(before, first, between);
        Integer(second);
        Literal(after);
    }

    private void Words(ReadOnlySpan<byte> before, long first, ReadOnlySpan<byte> between, long second, ReadOnlySpan<byte> later, long third, ReadOnlySpan<byte> after)
    {
        Words(before, first, between, second, later);
        Integer(third);
        Literal(after);
    }

    private void Literal(ReadOnlySpan<byte> text)
    {
        text.CopyTo(_buffer.AsSpan(_used));
        _used += text.Length;
    }

    private void Ascii(string text) => _used += Encoding.ASCII.GetBytes(text, _buffer.AsSpan(_used));

    private void Integer(long value, char format = 'D', byte digits = 0)
    {
        Utf8Formatter.TryFormat(value, _buffer.AsSpan(_used), out int written, digits == 0 ? default : new(format, digits));
        _used += written;
    }

    /// <summary>At most three decimals, without zeros at the end.</summary>
    private void Decimal(double value)
    {
        long thousandths = (long)Math.Round(value * 1000);
        Integer(thousandths / 1000);
        int fraction = (int)(thousandths % 1000);
        if (fraction == 0)
        {
            return;
        }

        Literal("."u8);
        Integer(fraction, 'D', 3);
        while (_buffer[_used - 1] == (byte)'0')
        {
            _used--;
        }
    }

    private void Hex(ulong value)
    {
        Utf8Formatter.TryFormat(value, _buffer.AsSpan(_used), out int written, new('x', 16));
        _used += written;
    }

    private void Time(DateTimeOffset time)
    {
        time.UtcDateTime.TryFormat(_buffer.AsSpan(_used), out int written, "yyyy-MM-ddTHH:mm:ss.fffZ", null);
        _used += written;
    }
}
