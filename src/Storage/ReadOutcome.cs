namespace StreamObserve.Storage;

/// <summary>What a read came to. Damage is an outcome, never an exception and never wrong bytes.</summary>
public enum ReadOutcome : byte
{
    /// <summary>The value was found and its CRC holds.</summary>
    Found,

    /// <summary>No value under this key: never written, deleted, or dropped by retention.</summary>
    NotFound,

    /// <summary>The value, or the part of the log that leads to it, is damaged on disk. Nothing was handed out.</summary>
    Damaged,
}
