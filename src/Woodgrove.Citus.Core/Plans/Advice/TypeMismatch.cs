using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Plans.Reading;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Plans.Advice;

/// <summary>Tables whose distribution columns mean the same and have different types, which can never be colocated.</summary>
internal static class TypeMismatch
{
    public static (string Message, string Fix)? Find(PlanFacts facts,
        IReadOnlyList<(PlanTable Table, string Column, PlanTable Other, string OtherColumn)> joined)
    {
        foreach ((PlanTable table, string column, PlanTable other, string otherColumn) in joined)
        {
            if (table.IsDistributed && other.IsDistributed
                && (column == table.DistributionColumn || otherColumn == other.DistributionColumn)
                && table.Columns[column] != other.Columns[otherColumn])
                return Between(table, column, other, otherColumn);
        }
        // What is joined is known, and it is not that.
        if (joined.Count > 0) return null;
        PlanTable[] distributed = [.. facts.Tables.Where(t => t.Kind == TableKind.Distributed)];
        foreach (PlanTable table in distributed)
        {
            PlanTable? other = Array.Find(distributed,
                o => o.Oid > table.Oid && o.DistributionColumn == table.DistributionColumn && o.DistributionType != table.DistributionType);
            if (other is not null) return Between(table, table.DistributionColumn!, other, other.DistributionColumn!);
        }
        return null;
    }

    private static (string, string) Between(PlanTable table, string column, PlanTable other, string otherColumn)
    {
        (PlanTable change, string changed, string to) = column == table.DistributionColumn && table.Columns[column] == "bigint"
            ? (other, otherColumn, "bigint") : other.Columns[otherColumn] == "bigint" ? (table, column, "bigint")
            : (other, otherColumn, table.Columns[column]);
        return ($"{table.Display}.{column} is {table.Columns[column]} and {other.Display}.{otherColumn} is {other.Columns[otherColumn]}: "
            + "tables are colocated only by columns of one type and collation, so this join can't run shard by shard.",
            $"Make the types equal and colocate: {TableAdvice.ToLocal(change.Display)}; "
                + TableAdvice.Run($"ALTER TABLE {change.Display} ALTER COLUMN {TableName.QuoteIfNeeded(changed)} TYPE {to}") + "; "
                + $"{TableAdvice.Distribute(change.Display, changed, (ReferenceEquals(change, table) ? other : table).Display)}; "
                + "where foreign keys link tables with it, these become local, too, and are to be distributed again before it.");
    }
}
