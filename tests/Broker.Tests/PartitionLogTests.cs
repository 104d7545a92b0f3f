using System.Text;
using CsCheck;
using StreamObserve.Broker.Log;
using StreamObserve.Broker.Protocol;
using StreamObserve.Broker.Records;

namespace StreamObserve.Broker.Tests;

/// <summary>A partition against a model: whatever is appended, flushed, deleted and reopened, the log is what the model says.</summary>
public sealed class PartitionLogTests
{
    private enum Step
    {
        Append,
        AppendInTransaction,
        Commit,
        Abort,
        Flush,
        RecoveryPoint,
        Crash,
        CloseAndOpen,
        DeleteBefore,
    }

    private sealed record Stored(long Offset, string Value, long ProducerId)
    {
        public bool? Committed { get; set; }
    }

    private static readonly LogSettings Settings = new()
    {
        SegmentBytes = 600,
        SegmentMs = long.MaxValue,
        RetentionBytes = -1,
        RetentionMs = -1,
        BatchBytesMax = 1 << 20,
        LogAppendTime = true,
        Delete = true,
        Compact = false,
        TombstoneMs = 0,
    };

    private static PartitionLog Open(string directory) => PartitionLog.Open(directory, Settings, readOnlyFlushed: false, TimeProvider.System, _ => { });

    private static byte[] Batch(string value, int count, long producerId, int sequence)
    {
        RecordBatchBuilder records = new();
        for (int i = 0; i < count; i++)
        {
            records.AddValue(Encoding.UTF8.GetBytes($"{value}.{i}"));
        }

        byte[] batch = records.Build(1);
        RecordBatch.WriteHeader(
            batch, 0, transactional: producerId >= 0, control: false, logAppendTime: false, count - 1, 1, 1, producerId, (short)(producerId >= 0 ? 0 : -1), sequence, count);
        return batch;
    }

    private static List<(long Offset, string Value)> ReadAll(PartitionLog log, bool readCommitted)
    {
        List<(long, string)> read = [];
        long from = log.LogStartOffset;
        HashSet<long> abortedNow = [];
        while (true)
        {
            using FetchSlice slice = log.Locate(from, readCommitted);
            Assert.Equal(ErrorCode.None, slice.Error);
            if (slice.Segment is null)
            {
                return read;
            }

            byte[] bytes = new byte[slice.Length];
            RandomAccess.Read(slice.File, bytes, slice.Position);
            int length = 0;
            long next = from;
            while (length < bytes.Length && RecordBatch.Read(bytes.AsSpan(length)) is var header && header.BaseOffset < slice.LimitOffset)
            {
                length += (int)header.Size;
                next = header.LastOffset + 1;
            }

            List<AbortedTransaction> aborted = [];
            Assert.True(log.TryFinishRead(slice, from, next, length, aborted));
            foreach ((RecordBatch batchHeader, byte[] batch) in Batches(bytes, length))
            {
                Assert.Equal(batchHeader.Crc, RecordBatch.ComputeCrc(batch));
                foreach (AbortedTransaction transaction in aborted.Where(each => each.FirstOffset <= batchHeader.LastOffset))
                {
                    abortedNow.Add(transaction.ProducerId);
                }

                aborted.RemoveAll(each => each.FirstOffset <= batchHeader.LastOffset);
                if (batchHeader.IsControl)
                {
                    abortedNow.Remove(batchHeader.ProducerId);
                    continue;
                }

                if (readCommitted && batchHeader.IsTransactional && abortedNow.Contains(batchHeader.ProducerId))
                {
                    continue;
                }

                RecordReader records = new(batch.AsSpan(RecordBatch.HeaderBytes));
                while (records.TryReadNext(out StreamObserve.Broker.Records.Record record))
                {
                    long offset = batchHeader.BaseOffset + record.OffsetDelta;
                    if (offset >= from)
                    {
                        read.Add((offset, Encoding.UTF8.GetString(record.Value)));
                    }
                }
            }

            from = next;
        }
    }

    private static IEnumerable<(RecordBatch Header, byte[] Batch)> Batches(byte[] bytes, int end)
    {
        for (int at = 0; at < end;)
        {
            RecordBatch header = RecordBatch.Read(bytes.AsSpan(at));
            yield return (header, bytes[at..(at + (int)header.Size)]);
            at += (int)header.Size;
        }
    }

    [Fact]
    public void TheLogIsWhatTheModelSays() =>
        Gen.Select(Gen.Enum<Step>(), Gen.Int[1, 4], Gen.Int[0, 2]).List[1, 60].Sample(
            steps =>
            {
                string directory = TestBroker.NewDirectory();
                PartitionLog log = Open(directory);
                List<Stored> model = [];
                Dictionary<long, int> sequences = [];
                int number = 0;
                long start = 0;
                foreach ((Step step, int count, int which) in steps)
                {
                    long producerId = 100 + which;
                    switch (step)
                    {
                        case Step.Append or Step.AppendInTransaction:
                            long id = step == Step.Append ? -1 : producerId;
                            int sequence = id < 0 ? -1 : sequences.GetValueOrDefault(id);
                            byte[] batch = Batch($"v{number++}", count, id, sequence);
                            AppendResult appended = log.Append((byte[])batch.Clone());
                            Assert.Equal(ErrorCode.None, appended.Error);
                            for (int i = 0; i < count; i++)
                            {
                                model.Add(new Stored(appended.BaseOffset + i, $"v{number - 1}.{i}", id) { Committed = id < 0 ? true : null });
                            }

                            if (id >= 0)
                            {
                                sequences[id] = sequence + count;
                                Assert.Equal(appended.BaseOffset, log.Append(batch).BaseOffset); // a retry
                            }

                            break;
                        case Step.Commit or Step.Abort:
                            log.AppendMarker(producerId, 0, step == Step.Commit);
                            model.Where(stored => stored.ProducerId == producerId && stored.Committed is null).ToList()
                                .ForEach(stored => stored.Committed = step == Step.Commit);
                            break;
                        case Step.Flush or Step.RecoveryPoint:
                            log.Flush(step == Step.RecoveryPoint);
                            break;
                        case Step.Crash:
                            log = Open(directory); // the former one is abandoned, as by kill -9
                            break;
                        case Step.CloseAndOpen:
                            log.Dispose();
                            log = Open(directory);
                            break;
                        case Step.DeleteBefore:
                            start = Math.Max(start, log.NextOffset * which / 3);
                            Assert.Equal((ErrorCode.None, start), log.DeleteBefore(start));
                            break;
                    }

                    // What was deleted of an open transaction counts until a restart, which does not find it.
                    long FirstOpen(long from) =>
                        model.Where(stored => stored.Committed is null && stored.Offset >= from).Select(stored => (long?)stored.Offset).Min() ?? log.NextOffset;
                    Assert.InRange(log.LastStableOffset, Math.Max(start, FirstOpen(0)), Math.Max(start, FirstOpen(start)));
                }

                Assert.Equal(model.Where(stored => stored.Offset >= start).Select(stored => (stored.Offset, stored.Value)), ReadAll(log, readCommitted: false));
                Assert.Equal(
                    model.Where(stored => stored.Offset >= start && stored.Committed == true && stored.Offset < log.LastStableOffset).Select(stored => (stored.Offset, stored.Value)),
                    ReadAll(log, readCommitted: true));
                log.Delete();
            },
            iter: 400,
            threads: 2);
}
