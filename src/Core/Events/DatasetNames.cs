using System.Text;

namespace StreamObserve.Core.Events;

/// <summary>Which dataset an event is of: the path's, else its field's, else its service's, else the topic's; in lower case. Not thread-safe.</summary>
internal sealed class DatasetNames
{
    /// <summary>Names past which all are forgotten at the next empty moment.</summary>
    private const int NamesMax = 4_096;

    private readonly byte[] _lower = new byte[Limits.DatasetNameBytesMax];
    private int[] _ofService = [];      // by the code of a service's name: the dataset's code + 1
    private (string? Name, int Code) _path, _default;

    /// <summary>Has the names by their codes.</summary>
    public FieldTexts Texts { get; } = new();

    public bool IsOverfull => Texts.Count > NamesMax;

    /// <summary>The dataset's code; -1 when its name is too long.</summary>
    /// <param name="source">Where the event came from.</param>
    /// <param name="field">What the event says itself, or empty.</param>
    /// <param name="service">The field that holds the service's name as its last value; null when the event has none.</param>
    public int CodeOf(in RecordSource source, ReadOnlySpan<byte> field, EventField? service)
    {
        if (source.Dataset is not null)
        {
            return CodeOf(source.Dataset, ref _path);
        }

        if (!field.IsEmpty)
        {
            return CodeOf(field);
        }

        if (service?.LastKind != FieldKind.String)
        {
            return CodeOf(source.DefaultDataset, ref _default);
        }

        // Fast path: a service seen before.
        var serviceCode = service.LastCode;
        if ((uint)serviceCode < (uint)_ofService.Length && _ofService[serviceCode] is > 0 and var known)
        {
            return known - 1;
        }

        var name = service.LastText;
        if (name.IsEmpty)
        {
            return CodeOf(source.DefaultDataset, ref _default);
        }

        var code = CodeOf(name);
        if (serviceCode >= 0 && code >= 0)
        {
            if (serviceCode >= _ofService.Length)
            {
                Array.Resize(ref _ofService, Math.Max(serviceCode + 1, _ofService.Length * 2));
            }

            _ofService[serviceCode] = code + 1;
        }

        return code;
    }

    /// <summary>Forgets all names, and what was known by services' codes.</summary>
    public void Forget()
    {
        Texts.Clear(withBuffers: false);
        Array.Clear(_ofService);
        _path = _default = (null, 0);
    }

    private int CodeOf(string name, ref (string? Name, int Code) known)
    {
        if (!ReferenceEquals(name, known.Name) && name != known.Name)
        {
            var bytes = Encoding.UTF8.GetBytes(name.ToLowerInvariant());
            known = (name, bytes.Length <= Limits.DatasetNameBytesMax ? Texts.CodeOf(bytes) : -1);
        }

        return known.Code;
    }

    private int CodeOf(ReadOnlySpan<byte> name)
    {
        if (name.Length > Limits.DatasetNameBytesMax)
        {
            return -1;
        }

        for (var i = 0; i < name.Length; i++)
        {
            var c = name[i];
            if (c >= 0x80)
            {
                return Texts.CodeOf(Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(name).ToLowerInvariant()));
            }

            _lower[i] = c is >= (byte)'A' and <= (byte)'Z' ? (byte)(c | 0x20) : c;
        }

        return Texts.CodeOf(_lower.AsSpan(0, name.Length));
    }
}
