using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Expressions;

/// <summary>Functions whose value is one of their arguments: which one is found first, then the values are gathered.</summary>
internal static class ChoiceKernels
{
    private const int None = -1;

    public static ValueVector If(ValueVector[] args, int length)
    {
        var choice = new int[length];
        Array.Fill(choice, args.Length % 2 == 1 ? args.Length - 1 : None);
        for (var condition = (args.Length / 2 * 2) - 2; condition >= 0; condition -= 2)
        {
            // From the last pair to the first, so that the first true one is what stays.
            var value = new Operand(args[condition]);
            for (var i = 0; i < length; i++)
            {
                choice[i] = value.IsTrue(i) ? condition + 1 : choice[i];
            }
        }

        return Gather(args, choice);
    }

    public static ValueVector Switch(ValueVector[] args, int length)
    {
        var choice = new int[length];
        Array.Fill(choice, args.Length % 2 == 0 ? args.Length - 1 : None);
        var subject = new Operand(args[0]);
        for (var at = ((args.Length - 1) / 2 * 2) - 1; at >= 1; at -= 2)
        {
            var candidate = new Operand(args[at]);
            for (var i = 0; i < length; i++)
            {
                choice[i] = Operand.AreEqual(subject, candidate, i) ? at + 1 : choice[i];
            }
        }

        return Gather(args, choice);
    }

    public static ValueVector Coalesce(ValueVector[] args, int length)
    {
        var choice = new int[length];
        Array.Fill(choice, None);
        for (var at = args.Length - 1; at >= 0; at--)
        {
            var value = new Operand(args[at]);
            for (var i = 0; i < length; i++)
            {
                choice[i] = value.Kind(i) != FieldKind.Absent ? at : choice[i];
            }
        }

        return Gather(args, choice);
    }

    /// <summary>MIN (sign -1) or MAX (1) of the arguments that are of the type of the first one present.</summary>
    public static ValueVector Extreme(ValueVector[] args, int length, int sign)
    {
        var choice = new int[length];
        Array.Fill(choice, None);
        for (var at = 0; at < args.Length; at++)
        {
            var value = new Operand(args[at]);
            for (var i = 0; i < length; i++)
            {
                if (choice[i] == None ? value.Kind(i) != FieldKind.Absent : IsBeyond(value, new Operand(args[choice[i]]), i, sign))
                {
                    choice[i] = at;
                }
            }
        }

        return Gather(args, choice);
    }

    private static bool IsBeyond(in Operand value, in Operand best, int i, int sign)
    {
        var order = value.Kind(i) == FieldKind.Bool && best.Kind(i) == FieldKind.Bool ? value.Bits(i).CompareTo(best.Bits(i)) : Operand.Compare(value, best, i);
        return order * sign > 0;
    }

    private static ValueVector Gather(ValueVector[] args, int[] choice)
    {
        var kinds = new FieldKind[choice.Length];
        var bits = new long[choice.Length];
        Utf8Strings? only = null;
        var sources = 0;
        var maps = new int[args.Length][];
        for (var at = 0; at < args.Length; at++)
        {
            if (args[at].Strings.Count > 0 && !ReferenceEquals(args[at].Strings, only))
            {
                only = args[at].Strings;
                sources++;
            }
        }

        var sink = sources > 1 ? new TextSink() : null;
        for (var i = 0; i < choice.Length; i++)
        {
            var at = choice[i];
            if (at == None)
            {
                continue;
            }

            var arg = args[at];
            var entry = arg.Length == 1 ? 0 : i;
            kinds[i] = arg.Kinds[entry];
            bits[i] = sink is null || kinds[i] != FieldKind.String
                ? arg.Bits[entry]
                : sink.Map(maps[at] ??= TextSink.NewMap(arg.Strings), arg.Strings, arg.Bits[entry]);
        }

        return new(kinds, bits, sink?.ToStrings() ?? only ?? Utf8Strings.Empty, null);
    }
}
