namespace Woodgrove.Citus.Errors;

/// <summary>Lines of cmdlets that change tables, for advice.</summary>
internal static class TableAdvice
{
    public const string StayBehind =
        "The rows also stay behind in the coordinator's own tables, where no query sees them; Clear-LocalTableData removes them.";

    /// <summary>The line that changes how a table is distributed.</summary>
    /// <param name="table">As it is shown.</param>
    public static string Set(string table, string? column = null, string? colocateWith = null) =>
        $"Set-DistributedTable {CmdletLine.Argument(table)}{Given("DistributionColumn", column)}{Given("ColocateWith", colocateWith)}";

    /// <summary>The line that makes a table local, with those that foreign keys link with it, if there are any.</summary>
    public static string ToLocal(string table, bool cascade = true) =>
        $"ConvertTo-LocalTable {CmdletLine.Argument(table)}{(cascade ? " -CascadeViaForeignKeys" : "")}";

    public static string Distribute(string table, string column, string? colocateWith = null) =>
        $"New-DistributedTable {CmdletLine.Argument(table)} {CmdletLine.Argument(column)}{Given("ColocateWith", colocateWith)}";

    public static string MakeReference(string table) => $"New-ReferenceTable {CmdletLine.Argument(table)}";

    public static string ClearLocal(string table) => $"Clear-LocalTableData {CmdletLine.Argument(table)}";

    /// <summary>The line that runs SQL.</summary>
    public static string Run(string sql) => $"Invoke-CitusQuery {CmdletLine.Quoted(sql)}";

    private static string Given(string parameter, string? value) => value is null ? "" : $" -{parameter} {CmdletLine.Argument(value)}";
}
