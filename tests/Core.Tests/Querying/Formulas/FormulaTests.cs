using System.Globalization;
using CsCheck;
using StreamObserve.Core.Events;
using StreamObserve.Core.Querying;
using StreamObserve.Core.Querying.Formulas;
using StreamObserve.Core.Querying.Language;

namespace StreamObserve.Core.Tests.Querying.Formulas;

public sealed class FormulaTests
{
    private const string Calculations = "COUNT AS n, COUNT IF (e = 1) AS errors, P99(duration_ms), SUM(bytes), MAX(x) AS `a-b c`, MIN(none) AS nothing, MAX(y) AS `1 \\ 2`, HEATMAP(h)";

    // n = 8, errors = 2, P99 = 50, SUM(bytes) = 1000, `a-b c` = -3, nothing absent, the seventh 7.
    private static readonly double?[] Row = [8, 2, 50, 1000, -3, null, 7, null];

    [Theory]
    [InlineData("1 + 2 * 3", 7)]
    [InlineData("(1 + 2) * 3", 9)]
    [InlineData("10 - 4 - 3", 3)]
    [InlineData("16 / 4 / 2", 2)]
    [InlineData("17 % 5 * 2", 4)]
    [InlineData("-2 * -3", 6)]
    [InlineData("--2", 2)]
    [InlineData("1.5e3 - .5", 1499.5)]
    [InlineData("errors / n", 0.25)]
    [InlineData("$errors/$n*100", 25)]
    [InlineData("P99(duration_ms) / 1000", 0.05)]
    [InlineData("p99( duration_ms )", 50)]
    [InlineData("$\"P99(duration_ms)\" * 2", 100)]
    [InlineData("`a-b c` + $\"1 \\ 2\"", 4)]
    [InlineData("SUM(bytes) / n", 125)]
    [InlineData("SUM(n, errors, 1)", 11)]
    [InlineData("SUB(n, errors) + MUL(n, errors, 2) + DIV(n, errors) + MOD(n, 3)", 44)]
    [InlineData("MIN(n, errors, 5) + MAX(n, errors) + MAX(3)", 13)]
    [InlineData("LOG10(SUM(bytes))", 3)]
    [InlineData("COALESCE(nothing, errors / 0, n)", 8)]
    [InlineData("n / 0", double.NaN)]
    [InlineData("n % 0", double.NaN)]
    [InlineData("0 / 0", double.NaN)]
    [InlineData("nothing + 1", double.NaN)]
    [InlineData("MAX(nothing, 1)", double.NaN)]
    [InlineData("LOG10(0)", double.NaN)]
    [InlineData("LOG10(-1)", double.NaN)]
    [InlineData("1e308 * 10 - 1e308 * 10", double.NaN)]
    [InlineData("COALESCE(nothing, nothing)", double.NaN)]
    public void Computes(string formula, double expected)
    {
        var value = Complete(Spec(("f", formula)))[^1].Value;
        Assert.Equal(expected, value.IsNumber ? Math.Round(value.AsDouble, 12) : double.NaN);
    }

    [Fact]
    public void FormulasUseOthersInAnyOrder()
    {
        var cells = Complete(Spec(("percent", "rate * 100"), ("rate", "errors / n"), ("both", "percent + rate")));
        Assert.Equal("25 0.25 25.25", string.Join(' ', cells.TakeLast(3).Select(cell => cell.Value.AsDouble.ToString(CultureInfo.InvariantCulture))));
    }

    [Theory]
    [InlineData("n + 1", LabelKind.Exact)]
    [InlineData("1 + 1", LabelKind.Exact)]
    [InlineData("P99(duration_ms) / n", LabelKind.Bounded)]
    [InlineData("SUM(bytes) / n", LabelKind.Estimated)]
    [InlineData("P99(duration_ms) - SUM(bytes)", LabelKind.Estimated)]
    [InlineData("`a-b c`", LabelKind.Estimated)]
    public void TheLabelIsWhatTheInputsAllow(string formula, LabelKind expected) =>
        Assert.Equal(new NumberLabel(expected), Complete(Spec(("f", formula)))[^1].Label);

    [Theory]
    [InlineData("", "expected a number, a calculation's name, a function or (, found the end")]
    [InlineData("n +", "expected a number, a calculation's name, a function or (, found the end")]
    [InlineData("n n", "expected an operator (+ - * / %) or the end, found \"n\"")]
    [InlineData("(n", "expected ) or an operator (+ - * / %), found the end")]
    [InlineData("n)", "expected an operator (+ - * / %) or the end, found \")\"")]
    [InlineData("erors / n", "no calculation or formula is called erors")]
    [InlineData("duration_ms", "no calculation or formula is called duration_ms")]
    [InlineData("1.2.3", "expected a number, found \"1.2.3\"")]
    [InlineData("1e999", "expected a number, found \"1e999\"")]
    [InlineData("$\"n", "expected a name behind $, as in $errors or $\"any name\", found \"$\"n\"")]
    [InlineData("$", "expected a name behind $, as in $errors or $\"any name\", found \"$\"")]
    [InlineData("`n", "expected a name in backticks, found \"`n\"")]
    [InlineData("P50(duration_ms)", "expected a calculation of this query or a function (SUM SUB MUL DIV MOD MIN MAX LOG10 COALESCE), found \"P50(duration_ms)\"")]
    [InlineData("SUB(1)", "SUB takes 2 arguments, not 1")]
    [InlineData("LOG10(1, 2)", "LOG10 takes 1 argument, not 2")]
    [InlineData("SUM(1", "expected a comma or ) in SUM(, found the end")]
    [InlineData("n & 1", "expected an operator (+ - * / %) or the end, found \"& 1\"")]
    public void WhatCannotBeReadIsExplained(string formula, string message)
    {
        var errors = new ErrorList();
        Assert.Null(FormulaSet.TryCompile(Spec(("f", formula)), errors));
        var error = Assert.Single(errors.Errors);
        Assert.Equal("formulas[0].expression", error.Field);
        Assert.StartsWith($"the formula f can't be read: {message}; this query has n, errors, P99(duration_ms), ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DepthIsBounded()
    {
        var errors = new ErrorList();
        Assert.NotNull(FormulaSet.TryCompile(Spec(("f", new string('(', LanguageLimits.FormulaDepthMax - 1) + "1" + new string(')', LanguageLimits.FormulaDepthMax - 1))), errors));
        Assert.Null(FormulaSet.TryCompile(Spec(("f", new string('-', 60_000) + "1")), errors));
        Assert.Contains("a formula may be 50 brackets deep", Assert.Single(errors.Errors).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("f + 1", "n")]
    [InlineData("g", "f * 2")]
    public void AFormulaCannotUseItself(string f, string g)
    {
        var errors = new ErrorList();
        Assert.Null(FormulaSet.TryCompile(Spec(("f", f), ("g", g)), errors));
        Assert.Equal("the formula f uses itself, directly or by way of others", Assert.Single(errors.Errors).Message);
    }

    [Fact]
    public void AnyTextAtAllIsAFormulaOrAnError() =>
        Gen.OneOf(Gen.String, Gen.Char["nerosP9(),+-*/%$`\"1.e "].Array[0, 20].Select(chars => new string(chars))).Sample(text =>
        {
            var errors = new ErrorList();
            var compiled = FormulaSet.TryCompile(Spec(("f", text)), errors);
            Assert.Equal(compiled is null ? 1 : 0, errors.Count);
        });

    private static QuerySpec Spec(params (string Name, string Expression)[] formulas) =>
        QueryText.Parse(Calculations).Value with { Formulas = [.. formulas.Select(formula => new NamedExpression(formula.Name, formula.Expression))] };

    // P99 is bounded, the sum estimated, `a-b c` a lower bound.
    private static AnswerCell[] Complete(QuerySpec spec)
    {
        var cells = new AnswerCell[ResultColumns.Count(spec)];
        for (var i = 0; i < Row.Length; i++)
        {
            NumberLabel label = i switch { 2 => new(LabelKind.Bounded, 0.01), 3 => new(LabelKind.Estimated), 4 => new(LabelKind.AtLeast), _ => NumberLabel.Exact };
            cells[i] = new(Row[i] is { } number ? FieldValue.Of(number) : FieldValue.Absent, null, label);
        }

        FormulaSet.Of(spec).Complete(cells, value => double.IsFinite(value) ? FieldValue.Of(value) : FieldValue.Absent);
        return cells;
    }
}
