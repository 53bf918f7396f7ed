using System.Text;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest;

/// <summary>One COPY FROM STDIN of raw bytes inside a transaction of its own.</summary>
internal sealed class CopySession(NpgsqlConnection session, string copyCommand)
{
    /// <summary>Sends the whole input and commits.</summary>
    /// <param name="dotEndsData">A line that is <c>\.</c> ends the data, as servers before PostgreSQL 18 have it.</param>
    /// <returns>The number of rows loaded.</returns>
    public async Task<long> SendAsync(
        CsvInput input, CsvDialect dialect, bool dotEndsData, Action<long> progress, Action<string>? warn, CancellationToken stop)
    {
        await using NpgsqlTransaction transaction = await session.BeginTransactionAsync(stop);
        TextWriter writer = await session.BeginTextImportAsync(copyCommand, stop);
        var copy = (NpgsqlRawCopyStream)((StreamWriter)writer).BaseStream;
        long rows;
        try
        {
            rows = await PumpAsync(copy, input, dialect, dotEndsData, progress, warn, stop);
        }
        catch
        {
            // Disposing would commit what was sent: cancel first.
            await CancelAsync(copy);
            throw;
        }
        await copy.DisposeAsync();
        if (rows == 0)
        {
            throw new CitusException("CitusCsvNoRows", CitusErrorKind.InvalidData,
                $"{input.Source} has a header and no rows; nothing was loaded.",
                "Check how the file was written; if its first line holds data, use -NoHeader.") { Target = input.Source.Name };
        }
        await transaction.CommitAsync(stop);
        return rows;
    }

    private static async Task<long> PumpAsync(
        NpgsqlRawCopyStream copy, CsvInput input, CsvDialect dialect, bool dotEndsData, Action<long> progress, Action<string>? warn, CancellationToken stop)
    {
        var records = new CsvRecordReader(input, dialect);
        long sent = 0;
        while (await records.ReadAsync(stop))
        {
            (int count, int end) = dotEndsData ? EndOfData.Find(records) : (records.Count, records.Block.Length);
            await copy.WriteAsync(records.Block[..end], stop);
            sent += count;
            progress(Rows(sent, dialect));
            if (count == records.Count) continue;
            warn?.Invoke(EndOfData.Warning(input.Source, records, end));
            break;
        }
        return Rows(sent, dialect);
    }

    private static long Rows(long records, CsvDialect dialect) => Math.Max(0, records - (dialect.HasHeader ? 1 : 0));

    private static async Task CancelAsync(NpgsqlRawCopyStream copy)
    {
        try
        {
            await copy.CancelAsync();
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or IOException or ObjectDisposedException)
        {
            // The server had refused already, or is gone; either way nothing is committed.
        }
    }
}

/// <summary>Asks the server to cancel what a session is doing.</summary>
internal static class ServerCancel
{
    public static async Task SendAsync(CitusConnection connection, int processId)
    {
        try
        {
            await using NpgsqlConnection other = await connection.OpenSessionAsync(CancellationToken.None);
            await using var command = new NpgsqlCommand("SELECT pg_catalog.pg_cancel_backend($1)", other) { Parameters = { new() { Value = processId } } };
            await command.ExecuteNonQueryAsync();
        }
        catch (Exception e) when (e is NpgsqlException or CitusException)
        {
            // The session's own end rolls it back, only later.
        }
    }
}
