using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Profiling;

/// <summary>A foreign key of a table to plan for.</summary>
/// <param name="Columns">Its columns, in the order of <paramref name="Referenced"/>, the columns that they lead to.</param>
/// <param name="Actions">What its definition has after the referenced columns, such as ON DELETE CASCADE.</param>
/// <param name="SetsSequence">True where an action sets a column to its default, which is a sequence's next value.</param>
internal sealed record PlannedForeignKey(string Name, string Table, string Other, string[] Columns, string[] Referenced, string Actions,
    bool SetsSequence)
{
    /// <summary>
    /// True where a change of the referenced row changes the key's columns, which Citus refuses of a distribution column, even if
    /// the action names other columns.
    /// </summary>
    public bool ChangesColumns => Actions.Contains(" ON UPDATE CASCADE", StringComparison.Ordinal)
        || Actions.Contains(" ON UPDATE SET ", StringComparison.Ordinal) || Actions.Contains(" ON DELETE SET ", StringComparison.Ordinal);

    public override string ToString() => $"{Name} ({string.Join(", ", Columns)}) to {Other} ({string.Join(", ", Referenced)})";

    public string Drop(TableName table) => $"ALTER TABLE {table} DROP CONSTRAINT {TableName.QuoteIfNeeded(Name)};";

    /// <summary>Whether it can have both distribution columns, as a pair; each can be in it only once.</summary>
    public bool CanAdd(string column, string otherColumn) => Columns.Zip(Referenced).Contains((column, otherColumn))
        || !Columns.Contains(column) && !Referenced.Contains(otherColumn);

    /// <summary>The same again, and with the distribution columns where it lacks them.</summary>
    /// <param name="otherColumn">Null of a reference table.</param>
    public string Add(TableName table, TableName other, string column, string? otherColumn)
    {
        bool holds = otherColumn is null || Columns.Zip(Referenced).Contains((column, otherColumn));
        return $"ALTER TABLE {table} ADD CONSTRAINT {TableName.QuoteIfNeeded(Name)} FOREIGN KEY "
            + $"({List(holds ? Columns : [.. Columns, column])}) "
            + $"REFERENCES {other} ({List(holds ? Referenced : [.. Referenced, otherColumn!])}){Actions};";
    }

    private static string List(string[] columns) => string.Join(", ", columns.Select(TableName.QuoteIfNeeded));
}
