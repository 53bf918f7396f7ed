using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Profiling;

/// <summary>What a CSV holds, found in one reading of it.</summary>
public sealed record CsvProfile
{
    public required string Source { get; init; }

    /// <summary>Bytes of the source as it lies there, compressed or not.</summary>
    public required long Bytes { get; init; }
    public required long Rows { get; init; }
    public required CsvDialect Dialect { get; init; }

    /// <summary>The encoding's name, such as utf-8 or utf-16.</summary>
    public required string Encoding { get; init; }

    /// <summary>LF, CRLF or CR.</summary>
    public required string LineEnd { get; init; }
    public required bool IsCompressed { get; init; }
    public required Listing<CsvColumn> Columns { get; init; }

    /// <summary>How the rows would lie over shards and nodes; null where no distribution column is known.</summary>
    public CsvDistribution? Distribution { get; init; }

    /// <summary>
    /// With a table: rows that a load with -OnError Skip would reject. Without one: rows that no load takes, and values unlike
    /// nearly all others of their column.
    /// </summary>
    public required long ProblemCount { get; init; }

    /// <summary>True where so many rows would be refused that the rest of the file was not tried: there may be more problems.</summary>
    public bool IsProblemCountPartial { get; init; }

    /// <summary>The first of them.</summary>
    public required Listing<CsvProblem> Problems { get; init; }

    /// <summary>True where nothing was found that a load would refuse; <see cref="Unchecked"/> has what was not looked for.</summary>
    public bool IsClean => ProblemCount == 0;

    /// <summary>What only a load can tell, such as what a trigger refuses.</summary>
    public Listing<string> Unchecked { get; init; } = [];

    /// <summary>What CREATE TABLE needs in its parentheses for a table of these columns.</summary>
    /// <param name="notNull">A column that may not be NULL, such as the one to distribute by.</param>
    /// <exception cref="CitusException">A column has no name, or two have the same.</exception>
    public string Definition(string? notNull = null)
    {
        List<string> names = [.. Columns.Select(c => TableName.Cut(c.Name))];
        if (names.IndexOf("") is >= 0 and int empty) throw Unnamed($"field {empty + 1} has no name in the header");
        if (names.Select((name, at) => (name, at)).GroupBy(n => n.name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw Unnamed($"the header names '{twice.Key}' {twice.Count()} times, "
                + $"as fields {string.Join(" and ", twice.Select(n => n.at + 1))}");
        return string.Join(", ", Columns.Select((c, i) =>
            $"{TableName.QuoteIfNeeded(names[i])} "
                + $"{c.Type}{(string.Equals(c.Name, notNull, StringComparison.OrdinalIgnoreCase) ? " NOT NULL" : "")}"));
    }

    private CitusException Unnamed(string what) =>
        new("CitusDuplicateColumn", CitusErrorKind.InvalidData,
            $"{Source}, line {Dialect.SkipLines + 1}: {what}, so no table can be made of the names.",
        "Correct the header, or create the table with -Definition and load the file with -Column or -SkipColumn.") { Target = Source };
}
