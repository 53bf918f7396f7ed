using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Copy;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>
/// Tries records in transactions that are rolled back. It finds those that only a worker can refuse: a row without a
/// partition, a generated column that divides by zero, a trigger or a function that raises an error, an index row that
/// is too long. Citus passes such refusals of a COPY on as XX000; that of an INSERT it passes on as it is.
/// </summary>
internal sealed class ProbeCopy(CitusConnection connection, CopyTarget target) : IAsyncDisposable
{
    private const string Begin = "BEGIN; SET LOCAL lock_timeout = '5s'";
    private NpgsqlConnection? _session;

    /// <inheritdoc cref="CopyAttempt"/>
    public async Task<PostgresException?> TryAsync(ReadOnlyMemory<byte> bytes, int start, ReadOnlyMemory<RecordBounds> bounds,
        CancellationToken stop)
    {
        ReadOnlyMemory<byte> records = bytes[start..bounds.Span[^1].End];
        PostgresException? refusal = await CopyAsync(records, stop);
        return refusal is null || bounds.Length > 1 ? refusal : await ReadAsync(records, refusal, stop);
    }

    public async ValueTask DisposeAsync()
    {
        if (_session is not null) await _session.DisposeAsync(); // and its transaction with it
        _session = null;
    }

    private async Task<PostgresException?> CopyAsync(ReadOnlyMemory<byte> records, CancellationToken stop)
    {
        NpgsqlConnection session = await OpenAsync(stop);
        try
        {
            await CopyStream.CopyAsync(session, target.CopyInto(target.Table.Name.Sql), records, stop);
            await session.ExecuteAsync("ROLLBACK", stop);
            return null;
        }
        catch (PostgresException refusal)
            when ((PostgresErrors.IsWorkerRefusal(refusal) || PostgresErrors.IsAboutRow(refusal)) && !stop.IsCancellationRequested)
        {
            await DisposeAsync();
            return refusal;
        }
    }

    /// <summary>A record's refusal as the worker has it.</summary>
    /// <exception cref="RecordRefusedException">The refusal is not about the record.</exception>
    private async Task<PostgresException> ReadAsync(ReadOnlyMemory<byte> record, PostgresException refusal, CancellationToken stop)
    {
        NpgsqlConnection session = await OpenAsync(stop);
        try
        {
            string columns = string.Join(", ", target.Columns.Select((_, i) => $"c{i}"));
            await session.ExecuteAsync("CREATE TEMP TABLE woodgrove_probe "
                + $"({string.Join(", ", target.Columns.Select((_, i) => $"c{i} text"))}) ON COMMIT DROP", stop);
            await CopyStream.CopyAsync(session,
                $"COPY pg_temp.woodgrove_probe ({columns}) FROM STDIN WITH ({(target.Dialect with { HasHeader = false }).CopyOptions()})",
                record, stop);
            object[] values = new object[target.Columns.Count];
            await using (var read = new NpgsqlCommand($"SELECT {columns} FROM pg_temp.woodgrove_probe", session))
            await using (NpgsqlDataReader row = await read.ExecuteReaderAsync(stop))
            {
                await row.ReadAsync(stop);
                row.GetValues(values);
            }
            await using var insert = new NpgsqlCommand(
                $"INSERT INTO {target.Table.Name.Sql} ({target.ColumnList}) VALUES "
                    + $"({string.Join(", ", target.Columns.Select((c, i) => $"${i + 1}::text::{c.TypeName}"))})", session);
            foreach (object value in values) insert.Parameters.Add(new() { Value = value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
            await insert.ExecuteNonQueryAsync(stop);
        }
        catch (PostgresException told) when (PostgresErrors.IsAboutRow(told) && !stop.IsCancellationRequested)
        {
            return WorkerRefusal.WithoutShards(target.Table, told);
        }
        finally
        {
            await DisposeAsync();
        }
        throw new RecordRefusedException(refusal, null);
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken stop)
    {
        NpgsqlConnection session = _session ??= await connection.OpenSessionAsync(stop);
        await session.ExecuteAsync(Begin, stop);
        await SearchPath.ReleaseAsync(session, stop, local: true); // for the table's triggers, constraints and defaults
        return session;
    }
}
