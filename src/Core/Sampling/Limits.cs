namespace StreamObserve.Core.Sampling;

/// <summary>The bounds of sampling: value, unit, reason, and what happens past each. Policies past one are refused with an error that names the rule and the field.</summary>
public static class SamplingLimits
{
    /// <summary>
    /// Bits of one policy version over all datasets: distinct conditions of trace scope plus distinct conjunctions of span scope. They are evaluated on every row at the head and are
    /// 16 bytes of every trace's summary. The policy that needs more is refused.
    /// </summary>
    public const int ConditionBitsMax = ConditionBits.Count;

    /// <summary>Rules of one dataset's policy. They are tried one after another at each decision. More are refused.</summary>
    public const int RulesMax = 200;

    /// <summary>How deep policies of the Collector's types may be made of others. Deeper ones are refused.</summary>
    public const int PolicyDepthMax = 4;

    /// <summary>
    /// Outcomes that chance may have in one dataset's policies: two for each limit, and for each salt one more than there are percentages with it. The weight of a kept trace is a sum over all of
    /// them. Policies with more are refused.
    /// </summary>
    public const int PolicyOutcomesMax = 256;

    /// <summary>Conditions of one rule. More are refused.</summary>
    public const int ConditionsMax = 32;

    /// <summary>Values in the list of one <c>in</c> or <c>not-in</c>. More are refused.</summary>
    public const int ListValuesMax = 1000;

    /// <summary>Characters of a rule's name, of a field, of a dataset's name and of a pattern: they are in metrics, on rows and in every error. Longer ones are refused.</summary>
    public const int TextLengthMax = 1000;

    /// <summary>Characters of a policy's patterns joined into one: what they have together, and five around each.</summary>
    public const int JoinedPatternsMax = TextLengthMax + (5 * ListValuesMax);

    /// <summary>Datasets with a policy of their own. More are refused; the others follow <c>__default__</c>.</summary>
    public const int PoliciesMax = 1000;

    /// <summary>Bytes of a policy's JSON: the whole set goes into one control record of every partition. More are refused.</summary>
    public const int JsonBytesMax = 1 << 20;

    /// <summary>The greatest rate, one in N. Past it a 32-bit hash keeps too few traces to be told apart from none. More is refused.</summary>
    public const double RateMax = 1_000_000_000;

    /// <summary>The greatest goal of a throughput sampler, events a second. More is refused: no sampler would be needed.</summary>
    public const double GoalPerSecondMax = 1_000_000_000;

    /// <summary>Fields of one sampler's key. More are refused.</summary>
    public const int KeyFieldsMax = 16;

    /// <summary>Distinct values, of all fields together, in one trace's key. A trace's further ones are left out of it.</summary>
    public const int KeyValuesMax = 100;

    /// <summary>Bytes of a value in a key; the rest of a longer one is left out of it.</summary>
    public const int KeyValueBytesMax = 256;

    /// <summary>Distinct values of key fields that a partition tells apart in one policy version. Further ones are one value, <see cref="KeySets.OtherValue"/>.</summary>
    public const int KeyPairsMax = 16_384;

    /// <summary>Distinct sets of such values, of all key fields of a policy version together, that a partition tells apart. A trace whose set would be a further one stays with what it had.</summary>
    public const int KeySetsMax = 65_536;

    /// <summary>The shortest window, in milliseconds: shorter ones would be of the order of the transactions that make rows visible. Less is refused.</summary>
    public const long WindowMsMin = 100;

    /// <summary>The longest window, in milliseconds (one hour): the log must hold it and the recent window serves it. More is refused.</summary>
    public const long WindowMsMax = 3_600_000;

    /// <summary>The longest epoch, in milliseconds of log time: traces that began in it are decided together. Epochs are as long as the window where that is shorter.</summary>
    public const long EpochMsMax = 10_000;

    /// <summary>Characters of an offending value that an error repeats; the rest is cut.</summary>
    public const int ErrorValueLengthMax = 200;
}
