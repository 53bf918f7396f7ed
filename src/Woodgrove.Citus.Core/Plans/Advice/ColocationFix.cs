using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Plans.Reading;

namespace Woodgrove.Citus.Plans.Advice;

/// <summary>A table that is joined by other columns than it is distributed by, and how to bring it to the others.</summary>
internal static class ColocationFix
{
    /// <summary>Lines that make a repartition join a local one.</summary>
    public static string For(PlanFacts facts, IReadOnlyList<(PlanTable Table, string Column, PlanTable Other, string OtherColumn)> joined)
    {
        foreach ((PlanTable table, string column, PlanTable other,
            string otherColumn) in joined.Concat(joined.Select(j => (j.Other, j.OtherColumn, j.Table, j.Column))))
        {
            // The other's join column is its distribution column, and the types agree: this table can follow it.
            if (table.Kind != TableKind.Distributed || other.Kind != TableKind.Distributed || otherColumn != other.DistributionColumn
                || table.ColocationId == other.ColocationId || table.Columns[column] != other.Columns[otherColumn]) continue;
            string follow = $"istribute {table.Display} by the join's column: {TableAdvice.Set(table.Display, column, other.Display)}; "
                + $"every unique key of it must then hold {column}, and its joins by {table.DistributionColumn} are lost.";
            return table.SizeBytes <= other.SizeBytes ? $"D{follow} Or, {OrReference(facts)}"
                : $"{OrReference(facts, capital: true)} Or d{follow}";
        }
        return OrReference(facts, capital: true);
    }

    private static string OrReference(PlanFacts facts, bool capital = false)
    {
        if (facts.Tables.Where(t => t.Kind == TableKind.Distributed).OrderBy(t => t.SizeBytes ?? long.MaxValue)
            .FirstOrDefault() is not { Display: { } table })
            return $"{(capital ? "I" : "i")}f one of the tables is small and rarely changes, "
                + "make it a reference table with New-ReferenceTable.";
        return $"{(capital ? "I" : "i")}f {table} is small and rarely changes, make it a reference table: "
            + $"{TableAdvice.ToLocal(table)}; {TableAdvice.MakeReference(table)};";
    }
}
