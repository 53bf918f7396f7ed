using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Comparison;

/// <summary>Errors of comparing tables, and what a comparison notes.</summary>
internal static class ComparisonErrors
{
    public static CitusException RowsFiltered(ComparedTable table) => new("CitusRowsFiltered", CitusErrorKind.PermissionDenied,
        $"Row level security decides which rows of {table.Info.Display} the role {table.Connection.UserName} may read on the "
            + $"{table.Side}, so a comparison would be of a part of the table.",
        "Connect as a role that has BYPASSRLS, or as the owner of the table where it does not force row level security.")
        { Target = table.Info.Display };

    public static CitusException EncodingsDiffer(ComparedTable source, ComparedTable target) => new("CitusEncodingsDiffer",
        CitusErrorKind.InvalidOperation,
        $"The source's database has the encoding {source.Encoding}, the target's {target.Encoding}: the same text is other bytes there, "
            + "and has another hash.",
        "Compare databases of one encoding; Invoke-CitusQuery compares what the rows of both have.") { Target = source.Info.Display };

    /// <summary>A failure on one side, which says on which.</summary>
    public static CitusException OnSide(string side, Exception failure, TableName table)
    {
        CitusException known = PostgresErrors.Describe(failure, table.ToString());
        return known.What.StartsWith(side, StringComparison.Ordinal) ? known : known.With($"On the {side}: {known.What}", known.Advice);
    }

    public static string Written(string column, string source, string target) =>
        $"{column} is {source} in the source and {target} in the target; its values are compared as text.";

    public const string SameTable = "The source and the target are the same table of the same database, so this proves nothing.";

    public const string ChangedMeanwhile =
        "The sums differed, but the rows that were read later do not: the table was written to meanwhile. Compare it again.";

    public static string NotChecked(string side) =>
        $"Whether each row of the {side} is in the shard where queries look for it was not checked, since its shards were not read "
            + "one by one.";
}
