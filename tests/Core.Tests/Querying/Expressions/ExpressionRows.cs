using StreamObserve.Core.Columns;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Expressions;

namespace StreamObserve.Core.Tests.Querying.Expressions;

/// <summary>Calculated fields of segments' rows as values.</summary>
internal static class ExpressionRows
{
    /// <summary>The fields of expressions, named by their place: f0, f1…</summary>
    public static CalculatedFields Compile(params string[] expressions)
    {
        var parsed = CalculatedFields.Parse([.. expressions.Select((expression, i) => new NamedExpression($"f{i}", expression))]);
        Assert.True(parsed.Ok, string.Join("; ", parsed.Errors));
        return parsed.Value;
    }

    /// <summary>What is wrong with an expression, without the field's name.</summary>
    public static string Error(string expression)
    {
        var error = Assert.Single(CalculatedFields.Parse([new("f", expression)]).Errors);
        Assert.Equal("calculated_fields[0].expression", error.Field);
        const string prefix = "f: ";
        Assert.StartsWith(prefix, error.Message, StringComparison.Ordinal);
        return error.Message[prefix.Length..].Replace(" of the expression", "", StringComparison.Ordinal);
    }

    /// <summary>A constant expression's value, by a row without fields.</summary>
    public static FieldValue Value(string expression) => Column(Row(), Compile(expression), "f0")[0];

    /// <summary>Each row's value of a field.</summary>
    public static FieldValue[] Column(IRowSegment segment, CalculatedFields fields, string name)
    {
        var columns = new List<ColumnVector>();
        new DerivedSegment(segment, fields).GetColumns(name, columns);
        var values = new FieldValue[segment.Rows];
        foreach (var column in columns)
        {
            for (var row = 0; row < values.Length; row++)
            {
                if (column.Has(row))
                {
                    Assert.Equal(FieldKind.Absent, values[row].Kind);
                    values[row] = column.Value(column.Rank(row));
                }
            }
        }

        return values;
    }

    private static EventBatch Row() => new([0], null, [0], Utf8Strings.From(["d"]), []);
}
