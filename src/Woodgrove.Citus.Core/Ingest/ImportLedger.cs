using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest;

/// <summary>One committed batch of an import.</summary>
/// <param name="FirstByte">Where the batch begins in the source, in UTF-8 bytes without a byte order mark.</param>
/// <param name="EndByte">Just past its last byte.</param>
/// <param name="Fingerprint">A hash of all bytes from the source's beginning to <paramref name="EndByte"/>.</param>
/// <param name="IsLast">True where the source ended with it.</param>
internal sealed record ImportBatch(
    Guid ImportId, int Number, string Table, string Source, string Route, string Fingerprint,
    long FirstByte, long EndByte, long Rows, long Rejected, bool IsLast);

/// <summary>
/// The table <c>woodgrove.import_batch</c> on the coordinator, one row a committed batch. The row is the decision
/// of a batch whose rows lie prepared on several nodes: where it stands they are committed, else rolled back.
/// The session that holds it also holds the import's advisory lock: whoever gets that lock knows that the import
/// runs no more and that what the ledger says is final.
/// </summary>
internal sealed class ImportLedger : IAsyncDisposable
{
    /// <summary>The first key of the advisory locks; the second is a hash of the import's id.</summary>
    private const int LockSpace = 0x574F4F44;

    private static readonly TimeSpan EndingPatience = TimeSpan.FromSeconds(10);

    private readonly CitusConnection _connection;
    private NpgsqlConnection _session;

    private ImportLedger(CitusConnection connection, NpgsqlConnection session, Guid importId)
    {
        (_connection, _session) = (connection, session);
        ImportId = importId;
    }

    public Guid ImportId { get; }

    /// <summary>
    /// Tells this attempt at the import from those before and after it. A server may get the PREPARE of an attempt
    /// that was given up after a later one has committed the same batch; the later one's row must not decide it.
    /// </summary>
    public string Attempt { get; } = System.Security.Cryptography.RandomNumberGenerator.GetHexString(12, lowercase: true);

    /// <summary>The session, for work that must be atomic with the batch's row.</summary>
    public NpgsqlConnection Session => _session;

    /// <summary>Opens the ledger for an import, making the table on first use.</summary>
    /// <exception cref="CitusException">The import runs already.</exception>
    public static async Task<ImportLedger> OpenAsync(CitusConnection connection, Guid importId, CancellationToken stop)
    {
        NpgsqlConnection session = await OpenLockedAsync(connection, importId, stop);
        return new ImportLedger(connection, session, importId);
    }

    private static async Task<NpgsqlConnection> OpenLockedAsync(CitusConnection connection, Guid importId, CancellationToken stop)
    {
        NpgsqlConnection session = await connection.OpenSessionAsync(stop);
        try
        {
            await CreateAsync(session, stop);
            // Its lock is the session's.
            await using (var notice = new NpgsqlCommand(CitusConnection.NoticeLoss.Replace("LOCAL ", "", StringComparison.Ordinal), session)) await notice.ExecuteNonQueryAsync(stop);
            // A session that was lost a moment ago may still be ending.
            var clock = System.Diagnostics.Stopwatch.StartNew();
            while (!await TryLockAsync(session, importId, stop))
            {
                if (clock.Elapsed > EndingPatience) throw Running(importId);
                await Task.Delay(250, stop);
            }
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    internal static CitusException Running(Guid importId) => new("CitusImportRunning", CitusErrorKind.ResourceUnavailable,
        $"Import {importId} is running in another session.", "Wait for it, or end that session.") { Target = importId };

    /// <summary>True where this user can keep a ledger: its schema exists, or may be created.</summary>
    public static async Task<bool> IsPossibleAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT CASE WHEN pg_catalog.to_regclass('woodgrove.import_batch') IS NOT NULL
                THEN pg_catalog.has_table_privilege('woodgrove.import_batch', 'INSERT')
                ELSE pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') END
            """, session);
        return await command.ExecuteScalarAsync(stop) is true;
    }

    /// <summary>The batches that are committed, in order.</summary>
    public async Task<IReadOnlyList<ImportBatch>> BatchesAsync(CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            SELECT batch, table_name, source, route, fingerprint, first_byte, end_byte, rows, rejected, is_last
            FROM woodgrove.import_batch WHERE import_id = $1 ORDER BY batch
            """, _session)
        {
            Parameters = { new() { Value = ImportId } },
        };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        var batches = new List<ImportBatch>();
        while (await row.ReadAsync(stop))
        {
            batches.Add(new ImportBatch(ImportId, row.GetInt32(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4),
                row.GetInt64(5), row.GetInt64(6), row.GetInt64(7), row.GetInt64(8), row.GetBoolean(9)));
        }
        return batches;
    }

    /// <summary>Writes a batch's row, in the transaction that is open, or in one of its own.</summary>
    public async Task WriteAsync(ImportBatch batch, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("""
            INSERT INTO woodgrove.import_batch (import_id, batch, table_name, source, route, fingerprint, first_byte, end_byte, rows, rejected, is_last, attempt)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            """, _session);
        foreach (object value in new object[]
        {
            batch.ImportId, batch.Number, batch.Table, batch.Source, batch.Route, batch.Fingerprint,
            batch.FirstByte, batch.EndByte, batch.Rows, batch.Rejected, batch.IsLast, Attempt,
        })
        {
            command.Parameters.Add(new() { Value = value });
        }
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>
    /// After a lost connection: whether the batch's row is there, asked in a new session once the old one can no
    /// longer write it. The ledger goes on in the new session.
    /// </summary>
    public async Task<bool> IsDecidedAsync(int batch, CancellationToken stop)
    {
        await _session.DisposeAsync();
        _session = await OpenLockedAsync(_connection, ImportId, stop);
        return await IsDecidedAsync(_session, ImportId, batch, Attempt, stop);
    }

    public static async Task<bool> IsDecidedAsync(NpgsqlConnection session, Guid importId, int batch, string attempt, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("SELECT EXISTS (SELECT FROM woodgrove.import_batch WHERE import_id = $1 AND batch = $2 AND attempt = $3)", session)
        {
            Parameters = { new() { Value = importId }, new() { Value = batch }, new() { Value = attempt } },
        };
        return await command.ExecuteScalarAsync(stop) is true;
    }

    /// <summary>Takes the import's lock if nobody has it; it is released with the session.</summary>
    public static async Task<bool> TryLockAsync(NpgsqlConnection session, Guid importId, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("SELECT pg_catalog.pg_try_advisory_lock($1, $2)", session)
        {
            Parameters = { new() { Value = LockSpace }, new() { Value = Shards.PostgresHash.Bytes(importId.ToByteArray()) } },
        };
        return await command.ExecuteScalarAsync(stop) is true;
    }

    public static async Task<bool> ExistsAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("SELECT pg_catalog.to_regclass('woodgrove.import_batch') IS NOT NULL", session);
        return await command.ExecuteScalarAsync(stop) is true;
    }

    /// <summary>The latest import of a source into a table that was begun and not completed.</summary>
    public static async Task<Guid?> FindResumableAsync(NpgsqlConnection session, string table, string source, CancellationToken stop)
    {
        if (!await ExistsAsync(session, stop)) return null;
        await using var command = new NpgsqlCommand("""
            SELECT import_id FROM woodgrove.import_batch WHERE table_name = $1 AND source = $2
            GROUP BY import_id HAVING NOT bool_or(is_last) ORDER BY max(committed_at) DESC LIMIT 1
            """, session)
        {
            Parameters = { new() { Value = table }, new() { Value = source } },
        };
        return await command.ExecuteScalarAsync(stop) as Guid?;
    }

    /// <summary>The latest import of a source into a table that was completed.</summary>
    public static async Task<ImportBatch?> FindCompleteAsync(NpgsqlConnection session, string table, string source, CancellationToken stop)
    {
        if (!await ExistsAsync(session, stop)) return null;
        await using var command = new NpgsqlCommand("""
            SELECT import_id, batch, route, fingerprint, end_byte FROM woodgrove.import_batch
            WHERE table_name = $1 AND source = $2 AND is_last ORDER BY committed_at DESC LIMIT 1
            """, session)
        {
            Parameters = { new() { Value = table }, new() { Value = source } },
        };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(stop);
        return await row.ReadAsync(stop)
            ? new ImportBatch(row.GetGuid(0), row.GetInt32(1), table, source, row.GetString(2), row.GetString(3), 0, row.GetInt64(4), 0, 0, true) : null;
    }

    /// <summary>Removes an import's rows.</summary>
    /// <returns>How many there were.</returns>
    public static async Task<int> ForgetAsync(NpgsqlConnection session, Guid importId, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand("DELETE FROM woodgrove.import_batch WHERE import_id = $1", session) { Parameters = { new() { Value = importId } } };
        return await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Releases locks that TryLockAsync took.</summary>
    public static Task UnlockAllAsync(NpgsqlConnection session) => CitusConnection.TidyAsync(session, "SELECT pg_catalog.pg_advisory_unlock_all()");

    public async ValueTask DisposeAsync()
    {
        await UnlockAllAsync(_session);
        await NodeConnections.ReleaseAsync(_session);
        await _session.DisposeAsync();
    }

    private static async Task CreateAsync(NpgsqlConnection session, CancellationToken stop)
    {
        if (await ExistsAsync(session, stop)) return;
        // A plain table of the coordinator: its commit is one server's, so it can decide for the others.
        await using var command = new NpgsqlCommand("""
            SELECT pg_catalog.pg_advisory_xact_lock(1464815428, 0);
            SET LOCAL citus.enable_ddl_propagation = off;
            CREATE SCHEMA IF NOT EXISTS woodgrove;
            CREATE TABLE IF NOT EXISTS woodgrove.import_batch (
                import_id    uuid        NOT NULL,
                batch        integer     NOT NULL,
                table_name   text        NOT NULL,
                source       text        NOT NULL,
                route        text        NOT NULL,
                fingerprint  text        NOT NULL,
                first_byte   bigint      NOT NULL,
                end_byte     bigint      NOT NULL,
                rows         bigint      NOT NULL,
                rejected     bigint      NOT NULL,
                is_last      boolean     NOT NULL,
                attempt      text        NOT NULL,
                loaded_by    text        NOT NULL DEFAULT current_user,
                committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
                PRIMARY KEY (import_id, batch));
            COMMENT ON TABLE woodgrove.import_batch IS 'Committed batches of CSV imports; a row decides that the rows prepared under its name are committed.'
            """, session);
        await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        await command.ExecuteNonQueryAsync(stop);
        await transaction.CommitAsync(stop);
    }
}
