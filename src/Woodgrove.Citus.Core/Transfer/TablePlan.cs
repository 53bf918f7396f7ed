using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Export;
using Woodgrove.Citus.Ingest.Copy;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Transfer;

/// <summary>What a copy will do with one table, decided before a row is read.</summary>
/// <param name="Source">The table that is read; where a query is, the target's.</param>
internal sealed record TablePlan(TableInfo Source, TableInfo Target, ColumnMatch Match)
{
    private static readonly CsvDialect Dialect = new() { HasHeader = false };

    public required CopyMethod Method { get; init; }

    /// <summary>Why this method, a sentence.</summary>
    public required string Reason { get; init; }

    /// <summary>How many parts are copied at the same time.</summary>
    public required int Parallel { get; init; }

    /// <summary>What becomes of rows whose key the target has, or null where the server refuses them.</summary>
    public ConflictRule? Rule { get; init; }

    /// <summary>The query whose rows are copied, or null for the table's.</summary>
    public string? Query { get; init; }

    /// <summary>The source places rows by the same hashes as the target, so that a shard's rows have the hashes of its range.</summary>
    public bool HashesAlike { get; init; }

    public bool IsSourcePartitioned { get; init; }

    /// <summary>What must stay the same of the source while its parts are told by their numbers.</summary>
    public string Fingerprint(IEnumerable<SnapshotShard> shards) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Create(CultureInfo.InvariantCulture,
            $"{SourceId} {Match.Names} {string.Join(' ', shards.Select(s => $"{s.HashMin}..{s.HashMax}"))}"))));

    /// <summary>What tells the source from another, in the ledger.</summary>
    public required string SourceId { get; init; }

    /// <summary>The source, as lists of imports show it.</summary>
    public required string SourceName { get; init; }

    /// <summary>How the source's coordinator writes values, as SQL: each node may have settings of its own.</summary>
    public required string SourceSettings { get; init; }

    /// <summary>The target's triggers that fire for each row that is copied.</summary>
    public IReadOnlyList<FiringTrigger> Triggers { get; init; } = [];

    /// <summary>A conflict rule works on rows that it gathers from CSV.</summary>
    public bool IsBinary => Match.IsBinary && Rule is null && Query is null;

    /// <summary>The rows as they are copied into the target.</summary>
    public CopyTarget Rows => RowsOf(Target, Match);

    public static CopyTarget RowsOf(TableInfo target, ColumnMatch match) => new(target, match.Columns, Dialect);

    /// <summary>The COPY that reads the table, or one of its shards.</summary>
    // As a table's COPY, Citus passes shards on as they come; the result of a query it gathers first.
    public string CopyOut(TableName name)
    {
        string from = Query is not null ? $"({Query}\n)"
            : IsSourcePartitioned ? $"(SELECT {Match.Names} FROM {name.Sql})"
            : !HasGeneratedSource ? $"{name.Sql} ({Match.Names})"
            : $"(SELECT {Match.Names} FROM ONLY {name.Sql})";
        return $"COPY {from} TO STDOUT WITH ({(IsBinary ? "FORMAT binary" : Dialect.CopyOptions())})";
    }

    private bool HasGeneratedSource => Match.Columns.Any(c => Source.Columns.Any(s => s.Name == c.Name && s.IsGenerated));
}
