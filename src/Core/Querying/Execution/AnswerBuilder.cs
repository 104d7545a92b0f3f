using StreamObserve.Core.Querying.Formulas;

namespace StreamObserve.Core.Querying.Execution;

/// <summary>Turns a merged partial result into the answer: totals over time, havings, order, limit, the rest as one row, series, and every number's label.</summary>
public static class AnswerBuilder
{
    /// <summary>Most cells of a heatmap's value axis; the grid coarsens until it fits.</summary>
    public const int HeatmapCellsMax = 48;

    /// <summary>Finishes a result. <paramref name="earlier"/> is the result over the earlier range of a comparison, else null.</summary>
    public static QueryAnswer Build(PartialResult result, Receipt receipt, AnswerParts? parts = null, PartialResult? earlier = null)
    {
        var spec = result.Plan.Spec;
        var grid = HeatmapGrid.Of(earlier is null ? [result] : [result, earlier]);
        var formulas = FormulaSet.Of(spec);
        var now = new AnswerPeriod(result, grid, formulas);
        var before = earlier is null ? null : new AnswerPeriod(earlier, grid, formulas);
        parts ??= AnswerParts.Default;
        var answer = new QueryAnswer
        {
            Breakdowns = spec.Breakdowns,
            Calculations = [.. Enumerable.Range(0, ResultColumns.Count(spec)).Select(column => ResultColumns.Key(spec, column))],
            Results = [],
            Series = [],
            TotalSeries = parts.TotalSeries ? now.SeriesOfAll() : null,
            Labels = now.Labels(),
            Time = result.Plan.Time,
            Receipt = receipt with { GroupsLeftOutMax = result.LeftOutMax },
        };
        return spec.Breakdowns.Count == 0 ? Ungrouped(answer, now, before, parts) : Grouped(answer, now, before, parts);
    }

    private static QueryAnswer Grouped(QueryAnswer answer, AnswerPeriod now, AnswerPeriod? before, AnswerParts parts)
    {
        var (kept, rest) = Choose(now, now.AllGroups());
        AnswerRow? total = parts.Total ? now.All() : null, other = parts.Other && rest.Count > 0 ? now.Together(rest, [.. kept.Select(k => k.Group)]) : null;
        List<AnswerRow> results = [.. kept.Select(k => k.Row)];
        AnswerComparison? comparison = null;
        if (before is not null)
        {
            comparison = Compare(now, before, kept, rest, parts);
            results = [.. kept.Select(k => k.Row with { Before = before.Matching(now, k.Group).Cells })];
            total = total is null ? null : total with { Before = comparison.Total!.Cells };
            other = other is null ? null : other with { Before = (comparison.Other ?? before.Empty()).Cells };
        }

        return answer with
        {
            Results = results,
            Series = parts.Series ? now.Series([.. kept.Select(k => k.Group)]) : [],
            Total = total,
            Other = other,
            Compare = comparison,
        };
    }

    private static QueryAnswer Ungrouped(QueryAnswer answer, AnswerPeriod now, AnswerPeriod? before, AnswerParts parts)
    {
        // One row even when nothing matched: a COUNT of 0 is an answer.
        var row = now.All();
        var holds = Holds(now.Plan.Spec, HavingColumns(now.Plan.Spec), row);
        return answer with
        {
            Results = holds ? [before is null ? row : row with { Before = before.All().Cells }] : [],
            Series = holds && parts.Series ? now.SeriesOfAll() : [],
            Compare = before is null ? null : new()
            {
                OffsetSeconds = before.Plan.Spec.CompareOffsetSeconds ?? 0,
                Time = before.Plan.Time,
                Results = holds ? [before.All()] : [],
                Series = holds && parts.Series ? before.SeriesOfAll() : [],
                Labels = before.Labels(),
            },
        };
    }

    /// <summary>The earlier range: the kept groups that had events then, and behind them those that had events only then.</summary>
    private static AnswerComparison Compare(AnswerPeriod now, AnswerPeriod before, List<(int Group, AnswerRow Row)> kept, List<int> rest, AnswerParts parts)
    {
        List<int> then = [.. kept.Select(k => before.Find(now, k.Group)).Where(group => group >= 0)];
        var (gone, goneRest) = Choose(before, before.AllGroups().Where(group => now.Find(before, group) < 0));
        List<int> listed = [.. then, .. gone.Select(g => g.Group)];
        List<int> others = [.. rest.Select(group => before.Find(now, group)).Where(group => group >= 0), .. goneRest];
        return new()
        {
            OffsetSeconds = before.Plan.Spec.CompareOffsetSeconds ?? 0,
            Time = before.Plan.Time,
            Results = [.. then.Select(before.Row), .. gone.Select(g => g.Row)],
            Series = parts.Series ? before.Series(listed) : [],
            Total = parts.Total ? before.All() : null,
            Other = parts.Other && others.Count > 0 ? before.Together(others, listed) : null,
            Labels = before.Labels(),
        };
    }

    /// <summary>The groups that are rows, in order, and those past the limit. Only the former are finished.</summary>
    private static (List<(int Group, AnswerRow Row)> Kept, List<int> Past) Choose(AnswerPeriod period, IEnumerable<int> groups)
    {
        var (kept, past) = new GroupChoice(period).Choose(groups);
        return ([.. kept.Select(group => (group, period.Row(group)))], past);
    }

    private static int[] HavingColumns(QuerySpec spec) => [.. spec.Havings.Select(having => ResultColumns.Of(spec, having))];

    private static bool Holds(QuerySpec spec, int[] columns, AnswerRow row)
    {
        for (var i = 0; i < columns.Length; i++)
        {
            if (columns[i] == ResultColumns.None || !row.Cells[columns[i]].Value.IsNumber || !GroupChoice.Holds(spec.Havings[i], row.Cells[columns[i]].Value.AsDouble))
            {
                return false;
            }
        }

        return true;
    }
}
