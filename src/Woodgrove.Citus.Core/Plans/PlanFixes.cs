using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Plans;

/// <summary>A table that is joined by other columns than it is distributed by, and how to bring it to the others.</summary>
internal static class ColocationFix
{
    /// <summary>SQL that makes a repartition join a local one.</summary>
    public static string For(PlanFacts facts, IReadOnlyList<(PlanTable Table, string Column, PlanTable Other, string OtherColumn)> joined)
    {
        foreach ((PlanTable table, string column, PlanTable other, string otherColumn) in joined.Concat(joined.Select(j => (j.Other, j.OtherColumn, j.Table, j.Column))))
        {
            // The other's join column is its distribution column, and the types agree: this table can follow it.
            if (table.Kind != TableKind.Distributed || other.Kind != TableKind.Distributed || otherColumn != other.DistributionColumn
                || table.ColocationId == other.ColocationId || table.Columns[column] != other.Columns[otherColumn]) continue;
            string follow = $"istribute {table.Display} by the join's column: SELECT alter_distributed_table('{table.Display}', distribution_column := '{column}', colocate_with := '{other.Display}'); every unique key of it must then hold {column}, and its joins by {table.DistributionColumn} are lost.";
            return table.SizeBytes <= other.SizeBytes ? $"D{follow} Or, {OrReference(facts)}" : $"{OrReference(facts, capital: true)} Or d{follow}";
        }
        return OrReference(facts, capital: true);
    }

    private static string OrReference(PlanFacts facts, bool capital = false)
    {
        if (facts.Tables.Where(t => t.Kind == TableKind.Distributed).OrderBy(t => t.SizeBytes ?? long.MaxValue).FirstOrDefault() is not { Display: { } table })
            return $"{(capital ? "I" : "i")}f one of the tables is small and changes seldom, make it a reference table with New-ReferenceTable.";
        return $"{(capital ? "I" : "i")}f {table} is small and changes seldom, make it a reference table: SELECT undistribute_table('{table}'); SELECT create_reference_table('{table}');";
    }
}

/// <summary>Tables whose distribution columns mean the same and have different types, which can never be colocated.</summary>
internal static class TypeMismatch
{
    public static (string Message, string Fix)? Find(PlanFacts facts, IReadOnlyList<(PlanTable Table, string Column, PlanTable Other, string OtherColumn)> joined)
    {
        foreach ((PlanTable table, string column, PlanTable other, string otherColumn) in joined)
        {
            if (table.IsDistributed && other.IsDistributed && (column == table.DistributionColumn || otherColumn == other.DistributionColumn)
                && table.Columns[column] != other.Columns[otherColumn])
                return Between(table, column, other, otherColumn);
        }
        // What is joined is known, and it is not that.
        if (joined.Count > 0) return null;
        PlanTable[] distributed = [.. facts.Tables.Where(t => t.Kind == TableKind.Distributed)];
        foreach (PlanTable table in distributed)
        {
            PlanTable? other = Array.Find(distributed, o => o.Oid > table.Oid && o.DistributionColumn == table.DistributionColumn && o.DistributionType != table.DistributionType);
            if (other is not null) return Between(table, table.DistributionColumn!, other, other.DistributionColumn!);
        }
        return null;
    }

    private static (string, string) Between(PlanTable table, string column, PlanTable other, string otherColumn)
    {
        (PlanTable change, string changed, string to) = column == table.DistributionColumn && table.Columns[column] == "bigint"
            ? (other, otherColumn, "bigint") : other.Columns[otherColumn] == "bigint" ? (table, column, "bigint") : (other, otherColumn, table.Columns[column]);
        return ($"{table.Display}.{column} is {table.Columns[column]} and {other.Display}.{otherColumn} is {other.Columns[otherColumn]}: tables are colocated only by columns of one type and collation, so this join can't run shard by shard.",
            $"Make the types equal and colocate: SELECT undistribute_table('{change.Display}'); ALTER TABLE {change.Display} ALTER COLUMN {TableName.QuoteIfNeeded(changed)} TYPE {to}; "
            + $"SELECT create_distributed_table('{change.Display}', '{changed}', colocate_with => '{(ReferenceEquals(change, table) ? other : table).Display}');");
    }
}

/// <summary>Finds an expression in the SELECT list of a fragment.</summary>
internal static class SelectList
{
    /// <summary>The expression that bears a name, without the table in front of a plain column; null where there is none.</summary>
    public static string? ExpressionNamed(string sql, string name)
    {
        IReadOnlyList<SqlToken> tokens = SqlTokens.Read(sql);
        int start = tokens.TakeWhile(t => !(t.Depth == 0 && t.Is("select"))).Count() + 1;
        while (start < tokens.Count)
        {
            int end = start;
            while (end < tokens.Count && !(tokens[end].Depth == 0 && (tokens[end].Is(",") || tokens[end].Is("from")))) end++;
            SqlToken[] item = [.. tokens.Skip(start).Take(end - start)];
            if (item.Length > 0 && item[^1].IsName && item[^1].Text == name)
            {
                SqlToken[] expression = item.Length > 2 && item[^2].Is("as") ? item[..^2] : item;
                return expression is [{ IsName: true }, { Text: "." }, { IsName: true } column] ? column.Text : string.Concat(expression.Select(t => t.Text));
            }
            if (end >= tokens.Count || !tokens[end].Is(",")) break;
            start = end + 1;
        }
        return null;
    }
}
