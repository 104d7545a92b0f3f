using System.Globalization;
using System.Text;
using StreamObserve.Core.Events;

namespace StreamObserve.Core.Querying.Language;

/// <summary>Writes the text form of a query: clauses in the order of the grammar, keywords in capitals, on one line.</summary>
internal sealed class QueryTextWriter
{
    private readonly StringBuilder _text = new();

    public static string Write(QuerySpec spec)
    {
        var writer = new QueryTextWriter();
        writer.WriteQuery(spec);
        return writer._text.ToString();
    }

    public static string Write(Condition? condition)
    {
        var writer = new QueryTextWriter();
        if (condition is not null)
        {
            writer.WriteCondition(condition);
        }

        return writer._text.ToString();
    }

    private void WriteQuery(QuerySpec spec)
    {
        WriteList("", spec.Calculations, WriteCalculation);
        if (spec.Where is { } where)
        {
            _text.Append(" WHERE ");
            WriteCondition(where);
        }

        WriteList(" GROUP BY ", spec.Breakdowns, breakdown => _text.Append(TextNames.Format(breakdown)));
        WriteList(" HAVING ", spec.Havings, WriteHaving, " AND ");
        WriteList(" ORDER BY ", spec.Orders, WriteOrder);
        if (spec.Limit != QueryLimits.LimitDefault)
        {
            _text.Append(CultureInfo.InvariantCulture, $" LIMIT {spec.Limit}");
        }

        WriteTime(" SINCE ", spec.StartTimeNs);
        WriteTime(" UNTIL ", spec.EndTimeNs);
        WriteSeconds(" LAST ", spec.TimeRangeSeconds);
        WriteSeconds(" EVERY ", spec.GranularitySeconds);
        WriteSeconds(" COMPARE ", spec.CompareOffsetSeconds);
        WriteList(" DEFINE ", spec.CalculatedFields, WriteNamed);
        WriteList(" FORMULA ", spec.Formulas, WriteNamed);
        if (spec.UsageMode)
        {
            _text.Append(" UNWEIGHTED");
        }
    }

    private void WriteCalculation(Calculation calculation)
    {
        WriteCalculated(calculation.Op, calculation.Column);
        if (calculation.Filter is { } filter)
        {
            _text.Append(" IF (");
            WriteCondition(filter);
            _text.Append(')');
        }

        if (calculation.Name is { } name)
        {
            _text.Append(" AS ").Append(TextNames.Format(name));
        }
    }

    private void WriteCalculated(CalculationOp op, string? column)
    {
        _text.Append(op.Name());
        if (column is not null)
        {
            _text.Append('(').Append(TextNames.Format(column)).Append(')');
        }
    }

    // By operation and column, or by name alone.
    private void WriteNumber(CalculationOp? op, string column)
    {
        if (op is { } known)
        {
            WriteCalculated(known, column);
        }
        else
        {
            _text.Append(TextNames.Format(column));
        }
    }

    private void WriteHaving(Having having)
    {
        WriteNumber(having.Op, having.Column!);
        _text.Append(' ').Append(having.Comparison.Name()).Append(' ').Append(having.Value.ToString("R", CultureInfo.InvariantCulture));
    }

    private void WriteOrder(Order order)
    {
        WriteNumber(order.Op, order.Column!);
        _text.Append(order.Descending ? " DESC" : " ASC");
    }

    private void WriteNamed(NamedExpression named) => _text.Append(TextNames.Format(named.Name)).Append(" AS ").Append(TextNames.Quote(named.Expression));

    private void WriteCondition(Condition condition)
    {
        switch (condition)
        {
            case Condition.Any any:
                WriteParts(any.Parts, " OR ", static part => part is Condition.Any);
                break;
            case Condition.All all:
                WriteParts(all.Parts, " AND ", static part => part is Condition.Any or Condition.All);
                break;
            case Condition.Not not:
                _text.Append("NOT ");
                WriteParts([not.Part], "", static part => part is Condition.Any or Condition.All);
                break;
            case Condition.Match match:
                WriteMatch(match);
                break;
        }
    }

    private void WriteParts(IReadOnlyList<Condition> parts, string between, Func<Condition, bool> needsBrackets)
    {
        for (var i = 0; i < parts.Count; i++)
        {
            _text.Append(i == 0 ? "" : between);
            if (needsBrackets(parts[i]))
            {
                _text.Append('(');
                WriteCondition(parts[i]);
                _text.Append(')');
            }
            else
            {
                WriteCondition(parts[i]);
            }
        }
    }

    private void WriteMatch(Condition.Match match)
    {
        _text.Append(TextNames.Format(match.Column)).Append(' ').Append(match.Op switch
        {
            FilterOp.In => "IN",
            FilterOp.NotIn => "NOT IN",
            _ => match.Op.Name(),
        });
        if (match.Op.TakesNothing())
        {
            return;
        }

        _text.Append(' ');
        if (!match.Op.TakesList())
        {
            WriteValue(match.Values[0]);
            return;
        }

        _text.Append('(');
        for (var i = 0; i < match.Values.Count; i++)
        {
            _text.Append(i == 0 ? "" : ", ");
            WriteValue(match.Values[i]);
        }

        _text.Append(')');
    }

    private void WriteValue(FieldValue value) => _text.Append(value switch
    {
        { Kind: FieldKind.String } => TextNames.Quote(value.AsString),
        { IsNumber: true } => NumberText.Format(value),
        _ => value.ToString(),
    });

    private void WriteList<T>(string keyword, IReadOnlyList<T> items, Action<T> write, string between = ", ")
    {
        for (var i = 0; i < items.Count; i++)
        {
            _text.Append(i == 0 ? keyword : between);
            write(items[i]);
        }
    }

    private void WriteTime(string keyword, long? unixNs)
    {
        if (unixNs is { } time)
        {
            _text.Append(keyword).Append(EventTime.Format(time));
        }
    }

    private void WriteSeconds(string keyword, long? seconds)
    {
        if (seconds is { } length)
        {
            _text.Append(keyword).Append(DurationText.FormatSeconds(length));
        }
    }
}
