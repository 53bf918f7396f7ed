using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>A batch of which some nodes committed their parts and others did not, according to <c>woodgrove.import_part</c>.</summary>
/// <param name="Ranges">The hash ranges whose rows are in the table.</param>
/// <param name="Fingerprint">A hash of the source from its beginning to <paramref name="EndByte"/>.</param>
internal sealed record PartialBatch(int Number, long EndByte, string Fingerprint, IReadOnlyList<(int Min, int Max)> Ranges)
{
    public const string Table = "import_part";

    /// <summary>The batch number of the row that names an import's latest run.</summary>
    private const int RunRow = -1;

    /// <summary>Whether the rows of a shard are committed. Shards may have been split since, never joined.</summary>
    public bool Holds(ShardRange shard) => Ranges.Any(r => r.Min <= shard.HashMin && shard.HashMax <= r.Max);

    /// <summary>The batch that an import left in parts, or null.</summary>
    public static async Task<PartialBatch?> FindAsync(NpgsqlConnection session, Guid importId, CancellationToken stop)
    {
        if (!await ExistsAsync(session, stop)) return null;
        await using var command = new NpgsqlCommand("""
            SELECT p.batch, p.end_byte, p.fingerprint, p.min_values, p.max_values FROM woodgrove.import_part p
            WHERE p.import_id = $1 AND p.batch >= 0 AND NOT EXISTS (SELECT FROM woodgrove.import_batch b WHERE b.import_id = p.import_id
                AND b.batch = p.batch)
              -- Before its first part the ledger has the import; where it has not, the table was emptied since.
              AND EXISTS (SELECT FROM woodgrove.import_batch b WHERE b.import_id = p.import_id)
            """, session)
        {
            Parameters = { new() { Value = importId } },
        };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        PartialBatch? found = null;
        var ranges = new List<(int, int)>();
        while (await row.ReadAsync(stop))
        {
            ranges.AddRange(row.GetFieldValue<int[]>(3).Zip(row.GetFieldValue<int[]>(4)));
            found = new PartialBatch(row.GetInt32(0), row.GetInt64(1), row.GetString(2), ranges);
        }
        return found;
    }

    /// <summary>Writes a part's row in the transaction of its rows, if this attempt is still the import's latest.</summary>
    public static async Task WriteAsync(NpgsqlConnection session, ImportBatch batch, string attempt, IReadOnlyList<ShardRange> shards,
        CancellationToken stop)
    {
        if (await session.ExecuteAsync("UPDATE woodgrove.import_part SET end_byte = end_byte WHERE import_id = $1 AND batch = "
            + "$2 AND fingerprint = $3", stop, batch.ImportId, RunRow, attempt) == 0) throw LedgerErrors.Running(batch.ImportId);
        await session.ExecuteAsync("""
            INSERT INTO woodgrove.import_part (import_id, batch, part, end_byte, fingerprint, min_values, max_values)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
            """, stop, batch.ImportId, batch.Number, shards.Min(s => s.HashMin), batch.EndByte, batch.Fingerprint,
            shards.Select(s => s.HashMin).ToArray(), shards.Select(s => s.HashMax).ToArray());
    }

    /// <summary>
    /// Makes this run the import's latest: it waits for a commit of an earlier one that is under way, and none comes
    /// after it. (A killed client's sessions may live on for a moment.)
    /// </summary>
    public static Task TakeOverAsync(NpgsqlConnection session, Guid importId, string attempt, CancellationToken stop) =>
        session.ExecuteAsync("""
            INSERT INTO woodgrove.import_part (import_id, batch, part, end_byte, fingerprint, min_values, max_values)
                VALUES ($1, $2, 0, 0, $3, '{}', '{}')
            ON CONFLICT (import_id, batch, part) DO UPDATE SET fingerprint = EXCLUDED.fingerprint
            """, stop, importId, RunRow, attempt);

    /// <summary>Removes the parts of a batch that the ledger holds as a whole, or all that is known of an import.</summary>
    public static Task ForgetAsync(NpgsqlConnection session, Guid importId, int? batch, CancellationToken stop) =>
        session.ExecuteAsync("DELETE FROM woodgrove.import_part WHERE import_id = $1 AND ($2::int IS NULL OR "
            + "batch = $2)", stop, importId, batch);

    /// <summary>
    /// Removes the parts of an import that the ledger no longer has: it was forgotten when its table was emptied. Run after
    /// <see cref="TakeOverAsync"/>.
    /// </summary>
    public static Task ForgetOrphansAsync(NpgsqlConnection session, Guid importId, CancellationToken stop) =>
        session.ExecuteAsync("DELETE FROM woodgrove.import_part WHERE import_id = $1 AND batch >= 0", stop, importId);

    public static Task<bool> ExistsAsync(NpgsqlConnection session, CancellationToken stop) =>
        LedgerSchema.HasTableAsync(session, Table, stop);

    /// <summary>Creates the table on first use: a reference table, so that every node can write to it in its own transaction.</summary>
    public static Task CreateAsync(NpgsqlConnection session, CancellationToken stop) => LedgerSchema.CreateAsync(session, Table, """
        CREATE TABLE IF NOT EXISTS woodgrove.import_part (
            import_id   uuid    NOT NULL,
            batch       integer NOT NULL,
            part        integer NOT NULL,
            end_byte    bigint  NOT NULL,
            fingerprint text    NOT NULL,
            min_values  integer[] NOT NULL,
            max_values  integer[] NOT NULL,
            PRIMARY KEY (import_id, batch, part));
        SELECT pg_catalog.create_reference_table('woodgrove.import_part')
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = 'woodgrove.import_part'::regclass)
        """, stop);
}
