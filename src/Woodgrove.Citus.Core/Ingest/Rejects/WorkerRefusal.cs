using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>
/// Citus passes a worker's refusal of a row on as an internal error (XX000) that names the shard and its
/// constraint; the catalog says what kind of constraint that is. A shard on the coordinator refuses as itself.
/// </summary>
internal static partial class WorkerRefusal
{
    /// <summary>The refusal with its true SQLSTATE, and without the shards' numbers.</summary>
    public static async Task<PostgresException> ReadAsync(NpgsqlConnection session, TableInfo table, PostgresException refusal,
        CancellationToken stop)
    {
        if (!PostgresErrors.IsWorkerRefusal(refusal))
            return string.IsNullOrEmpty(refusal.TableName) ? refusal : Named(refusal, refusal.SqlState);
        if (string.IsNullOrEmpty(refusal.Detail)) return Named(refusal, refusal.SqlState); // no constraint's
        await using var command = new NpgsqlCommand("""
            SELECT k.contype FROM pg_catalog.pg_constraint k
            WHERE k.conrelid = $1::oid AND (pg_catalog.strpos($2, '"' || k.conname || '_') > 0
                OR pg_catalog.strpos($2, '"' || k.conname || '"') > 0)
            ORDER BY pg_catalog.length(k.conname) DESC LIMIT 1
            """, session)
        {
            Parameters = { new() { Value = (long)table.Oid }, new() { Value = refusal.MessageText } },
        };
        string state = await command.ExecuteScalarAsync(stop) switch
        {
            'f' => PostgresErrorCodes.ForeignKeyViolation,
            'c' => PostgresErrorCodes.CheckViolation,
            'p' or 'u' => PostgresErrorCodes.UniqueViolation,
            _ when table.Columns.Any(c => c.IsNotNull && refusal.MessageText.Contains($"\"{c.Name}\"", StringComparison.Ordinal)) =>
                PostgresErrorCodes.NotNullViolation,
            _ => PostgresErrorCodes.UniqueViolation, // an index without a constraint
        };
        return Named(refusal, state);
    }

    /// <summary>The refusal without the shards' numbers. A table that Citus does not know has none, whatever its partitions' names.</summary>
    public static PostgresException WithoutShards(TableInfo table, PostgresException refusal) =>
        table is { Kind: TableKind.Local, ColocationId: null } ? refusal : Named(refusal, refusal.SqlState);

    private static PostgresException Named(PostgresException refusal, string state) =>
        new(WithoutShards(refusal.MessageText), refusal.Severity, refusal.InvariantSeverity, state,
            detail: WithoutShards(refusal.Detail ?? ""), columnName: refusal.ColumnName ?? "");

    private static string WithoutShards(string text) => ShardName().Replace(text, "\"$1\"");

    [GeneratedRegex("\"([^\"]+)_[1-9][0-9]{5,}\"")]
    private static partial Regex ShardName();
}
