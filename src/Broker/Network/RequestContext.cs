using System.Net;
using StreamObserve.Broker.Protocol;

namespace StreamObserve.Broker.Network;

/// <summary>One request and the place for its answer; reused by its connection from request to request.</summary>
internal sealed class RequestContext(IPEndPoint local, string remoteHost, CancellationToken connectionClosed) : IDisposable
{
    private int _bodyStart;

    public short ApiKey { get; private set; }

    public short Version { get; private set; }

    public int CorrelationId { get; private set; }

    public string ClientId { get; private set; } = "";

    /// <summary>The broker's own address as this client reaches it.</summary>
    public IPEndPoint Local { get; } = local;

    public string RemoteHost { get; } = remoteHost;

    /// <summary>Cancelled when the connection ends or the broker stops.</summary>
    public CancellationToken ConnectionClosed { get; } = connectionClosed;

    /// <summary>The whole request after its length; may be changed in place.</summary>
    public Memory<byte> Frame { get; private set; }

    /// <summary>Takes the answer after <see cref="BeginAnswer"/>.</summary>
    public ProtocolWriter Answer { get; } = new();

    /// <summary>Whether the client wants an answer; false for Produce with acks = 0.</summary>
    public bool IsAnswered { get; set; }

    /// <summary>Bytes of the memory for answers that the answer holds until it is sent.</summary>
    public long HeldAnswerBytes { get; set; }

    /// <summary>Whether the request's version is flexible.</summary>
    public bool Flexible { get; set; }

    /// <summary>Reads the header's fixed part.</summary>
    public void Begin(Memory<byte> frame)
    {
        Frame = frame;
        ProtocolReader reader = new(frame.Span, 0, flexible: false);
        ApiKey = reader.ReadInt16();
        Version = reader.ReadInt16();
        CorrelationId = reader.ReadInt32();
        ClientId = reader.ReadNullableString() ?? "";
        _bodyStart = reader.Position;
        Flexible = false;
        IsAnswered = true;
    }

    /// <summary>A reader at the start of the body. In a flexible version the header ends in tagged fields.</summary>
    public ProtocolReader ReadBody()
    {
        ProtocolReader reader = new(Frame.Span, _bodyStart, Flexible);
        reader.SkipTags();
        return reader;
    }

    /// <summary>Starts the answer: room for the length, the header.</summary>
    /// <param name="flexibleHeader">Whether the header ends in tagged fields; by default in a flexible version.</param>
    public ProtocolWriter BeginAnswer(bool? flexibleHeader = null)
    {
        Answer.Position = 0;
        Answer.Flexible = flexibleHeader ?? Flexible;
        Answer.WriteInt32(0);
        Answer.WriteInt32(CorrelationId);
        Answer.WriteTags();
        Answer.Flexible = Flexible;
        return Answer;
    }

    /// <summary>Writes the length in front of the answer.</summary>
    public ReadOnlyMemory<byte> EndAnswer()
    {
        int end = Answer.Position;
        Answer.Position = 0;
        Answer.WriteInt32(end - 4);
        Answer.Position = end;
        return Answer.WrittenMemory;
    }

    public void Dispose() => Answer.Dispose();
}
