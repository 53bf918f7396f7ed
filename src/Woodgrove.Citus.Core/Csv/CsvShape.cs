using System.Globalization;

namespace Woodgrove.Citus.Csv;

/// <summary>Which field of a file goes to which column, and what is made of its text on the way.</summary>
public sealed record CsvShape
{
    /// <summary>The names of the file's fields in its order; null takes the header's, or all columns in table order.</summary>
    public IReadOnlyList<string>? Fields { get; init; }

    /// <summary>The columns of fields that have another name, by that name.</summary>
    public IReadOnlyDictionary<string, string> ColumnMap { get; init; } = new Dictionary<string, string>();

    /// <summary>Fields that are left out, by name, or by number from 1.</summary>
    public IReadOnlyList<string> SkipFields { get; init; } = [];

    /// <summary>Values for columns that the file does not have, the same for every row; null is NULL.</summary>
    public IReadOnlyDictionary<string, object?> StaticColumns { get; init; } = new Dictionary<string, object?>();

    /// <summary>Columns in which a text that stands for NULL does so in quotes too, as COPY's FORCE_NULL has it; * means all.</summary>
    public IReadOnlyList<string> ForceNull { get; init; } = [];

    /// <summary>How numbers and times are written in the file; null leaves them to PostgreSQL.</summary>
    public CultureInfo? Culture { get; init; }

    /// <summary>.NET formats of the file's dates and times; empty takes the culture's.</summary>
    public IReadOnlyList<string> DateTimeFormats { get; init; } = [];

    /// <summary>Texts that mean true, besides those that PostgreSQL knows.</summary>
    public IReadOnlyList<string> TrueValues { get; init; } = [];

    /// <summary>Texts that mean false, besides those that PostgreSQL knows.</summary>
    public IReadOnlyList<string> FalseValues { get; init; } = [];

    /// <summary>Whether it says more than the fields' names, which only a table's columns give a meaning.</summary>
    internal bool NeedsTable =>
        ColumnMap.Count + SkipFields.Count + StaticColumns.Count + DateTimeFormats.Count + ForceNull.Count + TrueValues.Count
            + FalseValues.Count > 0 || Culture is not null;

    /// <summary>Whether NULL may stand in quotes for a column.</summary>
    internal bool ForcesNull(string column) => ForceNull.Contains("*") || ForceNull.Contains(column, StringComparer.OrdinalIgnoreCase);
}
