using Akka.Streams;
using Akka.Streams.Stage;

namespace StreamObserve.Ingest.Bridge;

/// <summary>Akka.Streams source of <see cref="TransactionDraft"/>s: each demand is passed to the <see cref="BridgeReader"/>, each of its drafts pushed. The reader's end is the stream's.</summary>
internal sealed class BridgeSource(BridgeReader reader) : GraphStage<SourceShape<TransactionDraft>>
{
    private readonly Outlet<TransactionDraft> _out = new("bridge.drafts");

    public override SourceShape<TransactionDraft> Shape => new(_out);

    protected override GraphStageLogic CreateLogic(Attributes inheritedAttributes) => new Logic(this, reader);

    private sealed class Logic : OutGraphStageLogic
    {
        private readonly BridgeSource _source;
        private readonly BridgeReader _reader;

        public Logic(BridgeSource source, BridgeReader reader)
            : base(source.Shape)
        {
            _source = source;
            _reader = reader;
            SetHandler(source._out, this);
        }

        public override void PreStart()
        {
            var give = GetAsyncCallback<TransactionDraft>(draft => Push(_source._out, draft));
            var ended = GetAsyncCallback<Exception?>(cause =>
            {
                if (cause is null)
                {
                    CompleteStage();
                }
                else
                {
                    FailStage(cause);
                }
            });
            _reader.Start(give, ended);
        }

        public override void OnPull() => _reader.Ask();




        public override void PostStop() => _reader.Stop();
    }
}
