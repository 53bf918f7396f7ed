using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Copy;

/// <summary>Copies in a transaction, each time behind a savepoint, so that a refusal undoes no more than itself.</summary>
internal sealed class SavepointCopy(NpgsqlConnection session, string command)
{
    private const string Savepoint = "woodgrove_portion";
    private bool _hasSavepoint;
    private bool _isAtSavepoint; // nothing was copied since

    /// <inheritdoc cref="CopyAttempt"/>
    public async Task<PostgresException?> TryAsync(ReadOnlyMemory<byte> bytes, int start, ReadOnlyMemory<RecordBounds> bounds,
        CancellationToken stop)
    {
        if (!_isAtSavepoint)
            await session.ExecuteAsync(_hasSavepoint ? $"RELEASE SAVEPOINT {Savepoint}; SAVEPOINT {Savepoint}" : $"SAVEPOINT {Savepoint}",
                stop);
        (_hasSavepoint, _isAtSavepoint) = (true, false);
        try
        {
            await CopyStream.CopyAsync(session, command, bytes[start..bounds.Span[^1].End], stop);
            return null;
        }
        catch (PostgresException refusal) when (PostgresErrors.IsAboutRow(refusal) && !stop.IsCancellationRequested)
        {
            await session.ExecuteAsync($"ROLLBACK TO SAVEPOINT {Savepoint}", stop);
            _isAtSavepoint = true;
            return refusal;
        }
    }
}
